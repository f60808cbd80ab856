"""Calls to Meta within the doctor's deadline, a few at a time."""

import asyncio
from collections.abc import Awaitable
from typing import Final, TypeVar

from graph.answers import Answer
from graph.client import Client, Credentials
from graph.errors import Action, GraphUnavailableError
from graph.requests import GraphRequest
from hookline.doctor.checks.graph import ROOT
from hookline.doctor.finding import Unseen

CONCURRENCY: Final = 8

TOO_LATE: Final = Unseen(
    "nobody came to it in time",
    ROOT,
    "Look at fewer accounts (--account), or give it more time (HOOKLINE_DOCTOR_TIMEOUT_S).",
)

Result = TypeVar("Result")


class Asking:
    """Asks until a moment of the event loop's clock; then everything is unseen."""

    def __init__(self, client: Client, until_s: float) -> None:
        self.client = client
        self._until_s = until_s
        self._turns = asyncio.Semaphore(CONCURRENCY)

    async def within(self, work: Awaitable[Result]) -> Result | Unseen:
        """What comes of it, when it is its turn."""
        try:
            async with asyncio.timeout_at(self._until_s), self._turns:
                return await work
        except TimeoutError:
            return TOO_LATE

    async def read(self, request: GraphRequest, credentials: Credentials) -> Answer | Unseen:
        """An answer that is not to be had later: a refusal is one."""
        try:
            answer = await self.within(self.client.read(request, credentials))
        except GraphUnavailableError as error:
            return Unseen(f"the Graph API does not answer ({error.reason})", ROOT)
        if isinstance(answer, Unseen) or answer.verdict is None:
            return answer
        if answer.verdict.passes:
            wait = "Wait a while." if answer.verdict.action is Action.WAIT else ""
            return Unseen(f"Meta does not answer now ({answer.verdict.reason})", ROOT, wait)
        return answer
