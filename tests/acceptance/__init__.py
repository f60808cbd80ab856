"""The whole line, as its users run it."""
