"""How far enrichment is: what waits, for what, and how long."""
