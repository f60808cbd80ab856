"""Logs of libraries: told once, and without anybody's texts."""

import asyncio
import gc
import io
import logging
import sys
from collections.abc import Callable

import pytest
import uvloop

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


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_task_that_nobody_awaited_is_told_without_its_exceptions_text(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """asyncio itself quotes the task, and with it what was raised."""
    told = logging.StreamHandler(io.StringIO())
    told.addFilter(Repetitions())
    logging.getLogger("asyncio").addHandler(told)

    async def fail() -> None:
        raise ValueError(SECRET)

    async def forget() -> None:
        failing = asyncio.create_task(fail())
        await asyncio.wait((failing,))
        del failing
        gc.collect()

    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(forget())
    finally:
        logging.getLogger("asyncio").removeHandler(told)
    assert told.stream.getvalue() == "Task exception was never retrieved (ValueError)\n"


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
