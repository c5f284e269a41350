"""Is the hall fit for a test: its server (doctor), its clients (measuring, judging), its machines and seats (annex 3)."""
