"""`hookline demo`: the whole line with simulated traffic, then the tables."""


def demo() -> None:
    """Run everything here with simulated Meta traffic, and show what came out."""
