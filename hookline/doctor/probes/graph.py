"""Asks the Graph API without a token: whether it answers, at which version, and for the time."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from graph.answers import VERSION_HEADER
from hookline.doctor.checks.graph import ROOT
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import Clock, Graph
from schemas.settings import CallSettings

_SECOND: Final = timedelta(seconds=1)
"""The header has no finer time."""


async def look(settings: CallSettings, clock: Callable[[], datetime]) -> Graph | Unseen:
    """How it answers. A call without a token is refused, and that is an answer too."""
    url = settings.graph_url
    timeout = aiohttp.ClientTimeout(total=settings.graph_timeout_s)
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            asked_at = clock()
            async with session.get(
                f"{url}/{settings.graph_version}/me", allow_redirects=False
            ) as response:
                answered_at = clock()
                headers, status = response.headers, response.status
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Unseen(f"it does not answer ({type(error).__name__})", ROOT)
    answering = headers.get(VERSION_HEADER)
    return Graph(
        url,
        status,
        is_graph=answering is not None or "json" in headers.get("Content-Type", ""),
        pinned=settings.graph_version,
        answering=answering and answering[:20],
        clock=clock_of(headers.get("Date"), asked_at, answered_at),
    )


def clock_of(date: str | None, asked_at: datetime, answered_at: datetime) -> Clock | Unseen:
    """How far a clock is ahead that told this date between two moments of ours. Pure."""
    try:
        told = parsedate_to_datetime(date or "")
    except ValueError:
        return Unseen("Meta told no time", ROOT)
    told = told if told.tzinfo else told.replace(tzinfo=UTC)
    middle = told + _SECOND / 2
    between = asked_at + (answered_at - asked_at) / 2
    return Clock(middle - between, (answered_at - asked_at) / 2 + _SECOND / 2)
