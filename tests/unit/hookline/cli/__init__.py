"""Tests of `hookline.cli`."""
