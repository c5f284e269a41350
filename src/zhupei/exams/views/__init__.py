"""Pages of the exams room."""
