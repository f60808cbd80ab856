"""Hookline's tests."""
