"""Dedupe: raw deliveries in, each event's distinct contents out, every change sighted."""

from workers.dedupe.handler import DedupeHandler

make_handler = DedupeHandler
