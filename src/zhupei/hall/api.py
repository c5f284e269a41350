"""The hall room's door."""
