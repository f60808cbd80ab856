"""The decisions of the worker reply."""
