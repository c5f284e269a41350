"""Every stored file: its digest, who brought it, how long it is kept, what holds it."""
