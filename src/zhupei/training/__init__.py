"""Training: plans (annex 2), classes, enrolment, timetable, attendance, the class archive."""
