"""The institutions room's door."""
