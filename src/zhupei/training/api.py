"""The training room's door."""
