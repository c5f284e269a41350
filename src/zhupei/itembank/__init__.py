"""The unified item bank: items in immutable published versions, releases, import."""
