"""The rules of answers."""
