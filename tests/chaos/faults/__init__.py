"""Faults one by one, each with what it must not cost: what `make test` has no time for."""
