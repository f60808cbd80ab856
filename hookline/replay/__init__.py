"""Replay: a stage once more over chosen records, by the live worker's own handler."""
