"""Tests of the package `graph`."""
