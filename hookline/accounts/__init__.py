"""Instagram accounts that gave Hookline a token: connected, shown, removed."""
