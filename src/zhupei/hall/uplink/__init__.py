"""The way from a hall to the centre: the same installation, or a line that may be slow or dead."""
