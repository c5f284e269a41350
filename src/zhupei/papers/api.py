"""The papers room's door."""
