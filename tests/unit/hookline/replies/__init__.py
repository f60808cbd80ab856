"""Decisions about answers."""
