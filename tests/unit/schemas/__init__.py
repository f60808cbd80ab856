"""Pure decisions of `schemas`."""
