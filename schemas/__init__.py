"""Contracts that every part of Hookline shares: no I/O, no clock, no neighbour imported."""
