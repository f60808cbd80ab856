"""Rebuild: the tables made again from the archived deliveries, compared, and put right.

Dedupe's and persist's own handlers run over `deliveries` into a scratch schema, several processes
side by side. Nothing here knows what a row means; that is theirs alone.
"""
