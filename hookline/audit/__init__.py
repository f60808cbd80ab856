"""Audit: whether every change that was received has ended, once. Reads only."""
