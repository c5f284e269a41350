"""Exam day: the bundle comes in, people check in and sit down, invigilators run the room, the return goes out."""
