"""The certificates room's door."""
