"""The demonstration: simulated traffic through the whole line, and the tables that came out."""
