"""Faults on purpose: what tests and `make prove` put between a service and what it depends on."""
