"""Enrich: what the Graph API tells about events, asked for within its budget."""

from workers.enrich.worker import make_handler, run_beside

__all__ = ["make_handler", "run_beside"]
