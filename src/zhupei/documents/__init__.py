"""Typeset documents: structured data in, PDF or DOCX bytes out. No Django; enter through ``api``."""
