"""The verbs of the `hookline` command."""
