"""Telling people: notices on the platform, and messages through a pluggable sender."""
