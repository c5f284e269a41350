"""Two servers of one hall: who serves, what the second copies, and how it takes over (I04)."""
