"""Enrich: what the Graph API tells about events, asked for within its budget."""
