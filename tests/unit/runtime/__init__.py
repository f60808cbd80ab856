"""Pure decisions of `runtime`."""
