"""Tests of the spool's decisions."""
