"""The pure files, row by row."""
