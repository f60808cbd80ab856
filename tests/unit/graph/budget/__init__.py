"""Tests of the package `graph.budget`."""
