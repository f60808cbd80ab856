"""Persist: events into the tables that analysts read."""

from workers.persist.handler import PersistHandler

make_handler = PersistHandler
