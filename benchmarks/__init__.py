"""How fast Hookline is on this machine. Measures from outside; asserts nothing."""
