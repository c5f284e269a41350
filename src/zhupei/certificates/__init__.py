"""Certificates: issue after confirmation, number, document, public check, revocation."""
