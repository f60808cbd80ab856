"""Tests of `hookline.doctor`."""
