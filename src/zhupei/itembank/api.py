"""The itembank room's door."""
