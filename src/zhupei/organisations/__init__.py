"""Units of every kind, their jurisdictions, and who holds which role in them, from when to when."""
