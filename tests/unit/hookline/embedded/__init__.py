"""Tests of `hookline.embedded`."""
