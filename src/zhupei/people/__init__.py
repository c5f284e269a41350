"""Persons who learn and are tested: identity documents, photos, consent."""
