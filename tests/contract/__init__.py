"""The public contract, name by name: a change here breaks somebody."""
