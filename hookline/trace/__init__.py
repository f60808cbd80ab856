"""Trace: the whole life of an event, from what is stored and what Kafka still holds. Read only."""
