"""The report as one HTML page that needs nothing else. Pure."""

from typing import Any


def page(told: dict[str, Any]) -> str:
    """A page for a reader who knows nothing of us."""
    return f"<!doctype html><title>{told['seed']}</title>"
