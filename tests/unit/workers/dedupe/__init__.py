"""Pure decisions of the dedupe worker."""
