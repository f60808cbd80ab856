"""Logs of libraries: told once, and without anybody's texts."""

import asyncio
import functools
import gc
import io
import logging
import sys
from collections.abc import Callable, Coroutine

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


async def _forget_a_task() -> None:
    async def fail() -> None:
        raise ValueError(SECRET)

    failing = asyncio.create_task(fail())
    await asyncio.wait((failing,))
    del failing
    gc.collect()


async def _fail_in_a_callback() -> None:
    def fail(text: str) -> None:
        raise ValueError(text)

    asyncio.get_running_loop().call_soon(functools.partial(fail, SECRET))
    await asyncio.sleep(0.01)


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        (_forget_a_task, "Task exception was never retrieved"),
        (_fail_in_a_callback, "Exception in callback"),
    ],
)
def test_what_asyncio_itself_tells_quotes_nothing(
    mistake: Callable[[], Coroutine[None, None, None]],
    said: str,
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """It would quote tasks, what was raised in them, and arguments."""
    told = logging.StreamHandler(io.StringIO())
    told.addFilter(Repetitions())
    logging.getLogger("asyncio").addHandler(told)
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(mistake())
    finally:
        logging.getLogger("asyncio").removeHandler(told)
    lines = told.stream.getvalue().splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(said)
    assert lines[0].endswith("(ValueError)")
    assert "person" not in lines[0]


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
