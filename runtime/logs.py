"""Logs: one JSON object a line, or lines for people. Owns what never gets into one.

Events are constant names, values are fields: ids, counts, reasons; never texts, user names,
tokens or secrets.
"""

import logging
import re
import sys
from typing import Final

import structlog

from schemas.settings import Settings

REPETITION_S: Final = 10.0

_QUIET: Final = ("aiokafka", "asyncio", "sqlalchemy", "alembic", "aiohttp")

_QUOTING: Final = re.compile(r"[\n(]")


def configure(settings: Settings, service: str) -> None:
    """Sends logs of this process to standard error, each with the name of its service."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.contextvars.bind_contextvars(service=service)
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor
    if settings.log_format == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    _route_libraries(shared, renderer)


def _route_libraries(
    shared: list[structlog.typing.Processor], renderer: structlog.typing.Processor
) -> None:
    """Libraries' own log lines take the same form; only warnings and errors are kept."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(Repetitions())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


class Repetitions(logging.Filter):
    """Lets each message of a library through once in ten seconds: clients tell every attempt.

    Of an exception it leaves the type: its message may quote what a person or Meta sent.
    """

    def __init__(self) -> None:
        super().__init__()
        self._told_s: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this message was not told lately."""
        place = f"{record.name}:{record.lineno}"
        if record.created - self._told_s.get(place, 0.0) < REPETITION_S:
            return False
        self._told_s[place] = record.created
        if record.name == "asyncio":  # what follows quotes tasks, results and arguments
            record.msg, record.args = _QUOTING.split(record.getMessage(), 1)[0], None
        if record.exc_info and record.exc_info[1]:
            error = record.exc_info[1]
            record.msg = f"{record.getMessage()} ({type(error).__name__})"
            record.args = None
            record.exc_info = record.exc_text = None
        return True


def place_of(error: BaseException) -> list[str]:
    """Where an error came from, innermost last. Its message may quote a record: it is left out."""
    places = []
    traceback = error.__traceback__
    while traceback is not None:
        code = traceback.tb_frame.f_code
        places.append(f"{code.co_filename.rsplit('/', 2)[-1]}:{traceback.tb_lineno} {code.co_name}")
        traceback = traceback.tb_next
    return places
