"""Answers as operators see them: looked at, settled, and sent by hand."""
