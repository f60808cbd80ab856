"""How long to send nothing, when nobody tells what becomes of it. Pure."""

from typing import Final

FREE: Final = 2
"""So many in a row say nothing: a connection breaks now and then."""


def pause_s(unknown_in_a_row: int, longest_s: float) -> float:
    """Seconds to wait after so many answers of which it is not known whether they were sent.

    Otherwise an outage would turn all that is planned into what a person has to look at.
    """
    if unknown_in_a_row <= FREE:
        return 0.0
    return min(2.0 ** min(unknown_in_a_row - FREE - 1, 30), longest_s)
