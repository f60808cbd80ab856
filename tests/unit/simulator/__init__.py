"""Tests of the simulator, without the pipeline."""
