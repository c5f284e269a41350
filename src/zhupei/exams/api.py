"""The exams room's door."""
