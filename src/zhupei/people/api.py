"""The people room's door."""
