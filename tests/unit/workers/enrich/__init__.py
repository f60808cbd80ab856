"""Pure decisions of the workers."""
