"""Pure decisions of the persist worker."""
