"""Pure decisions of the archive worker."""
