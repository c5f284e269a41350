"""Blueprints, and one random paper for each candidate, frozen with its seed and digest."""
