"""How requests of our own doctor are told from Meta's deliveries: they count as none."""

from typing import Final

USER_AGENT: Final = "Hookline-Doctor/1"
"""Anybody may say so, and gains nothing by it: what he sends is refused as ever."""
