"""Tests of `hookline.subscriptions`."""
