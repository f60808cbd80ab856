"""Enrich: what the Graph API tells about events, asked for within its budget."""

from workers.enrich.handler import EnrichHandler
from workers.enrich.worker import run_beside

__all__ = ["make_handler", "run_beside"]

make_handler = EnrichHandler
