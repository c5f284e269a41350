"""The invigilators' consoles, live: what they show (watching), how it is drawn, and the streams that carry it."""
