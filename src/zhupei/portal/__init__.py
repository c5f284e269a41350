"""The public site, and everyone's home: what do I have to do next, by when?"""
