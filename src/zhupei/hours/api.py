"""The hours room's door."""
