"""Logs of libraries: told once, and without anybody's texts."""

import logging
import sys

from runtime.logs import Repetitions, place_of

SECRET = "text of a person"


def _record(line: int = 1, *, created_s: float = 1000.0) -> logging.LogRecord:
    try:
        raise ValueError(SECRET)
    except ValueError:
        found = sys.exc_info()
    record = logging.LogRecord("aiohttp", logging.ERROR, "f.py", line, "failed", None, found)
    record.created = created_s
    return record


def test_an_exception_leaves_its_type_alone() -> None:
    """What it quotes is not logged."""
    record = _record()
    assert Repetitions().filter(record)
    assert SECRET not in logging.Formatter().format(record)
    assert "ValueError" in record.getMessage()


def test_a_place_speaks_once_in_ten_seconds() -> None:
    """Another place is not silenced by it."""
    repetitions = Repetitions()
    told = [
        repetitions.filter(_record(line, created_s=at_s))
        for line, at_s in ((1, 100.0), (1, 109.9), (2, 109.9), (1, 110.1), (1, 112.0))
    ]
    assert told == [True, False, True, True, False]


def test_the_place_of_an_error_quotes_nothing() -> None:
    """File, line and function, innermost last."""
    try:
        raise ValueError(SECRET)
    except ValueError as error:
        places = place_of(error)
    assert places[-1].endswith("test_the_place_of_an_error_quotes_nothing")
    assert SECRET not in " ".join(places)
