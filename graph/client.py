"""Calls to the Graph API: each with a deadline, writes never twice, nothing secret told.

A token goes into a header or a body, never into a URL, except where Meta takes it nowhere else.
aiohttp's exceptions carry URLs, so none of them leaves this module, also not as a cause.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, Self

import aiohttp
import structlog
from yarl import URL

from graph.answers import Answer, answer_to, answer_to_write, answers_to
from graph.errors import Action, GraphUnavailableError
from graph.proof import appsecret_proof
from graph.requests import GraphRequest, GraphWrite, batch_items
from graph.versions import end_s, outlook
from runtime import metrics

MIB: Final = 1024 * 1024

MAX_ANSWER_BYTES: Final = 8 * MIB
"""A batch of 50 comments, every character escaped, is below one MiB."""

MAX_CONNECT_S: Final = 5.0

_OK: Final = "ok"

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Credentials:
    """A token, and the secret of the app that it was given to."""

    token: str = field(repr=False)
    app_secret: bytes = field(repr=False)

    @property
    def proof(self) -> str:
        """The parameter `appsecret_proof` for calls with the token."""
        return appsecret_proof(self.token, self.app_secret)


class Client:
    """Asks the Graph API at one version. An async context manager; safe for concurrent calls.

    Every answer carries what it tells of the limits (`Answer.usage`): whoever called tells it to
    the budget (`graph.budget.outcomes`). A GET whose connection breaks is sent once more, by
    aiohttp, since a server may close a connection that was idle at any moment.
    """

    def __init__(
        self,
        base_url: str,
        version: str,
        timeout_s: float,
        max_answer_bytes: int = MAX_ANSWER_BYTES,
    ) -> None:
        """`timeout_s` is for a whole call, from connecting to the last byte."""
        self._base_url = base_url.rstrip("/")
        self._version = version
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=min(timeout_s / 2, MAX_CONNECT_S)
        )
        self._max_answer_bytes = max_answer_bytes
        self._reading: aiohttp.ClientSession | None = None
        self._writing: aiohttp.ClientSession | None = None
        self._answering_version = version
        self._told: set[tuple[str, str]] = set()

    async def __aenter__(self) -> Self:
        """Opens its sessions, and tells when the version is near its end."""
        self.tell_version(datetime.now(UTC).date())
        self._reading = self._session(aiohttp.TCPConnector())
        # A server may close a connection that is idle at any moment. A read is then sent again;
        # of a write nobody could tell whether it was done, so each has a connection of its own.
        self._writing = self._session(aiohttp.TCPConnector(force_close=True))
        return self

    async def __aexit__(self, *_: object) -> None:
        for session in (self._reading, self._writing):
            if session is not None:
                await session.close()
        self._reading = self._writing = None

    def _session(self, connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
        # No proxy and no .netrc from the environment: tokens go to Meta and to nobody else.
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            trust_env=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def tell_version(self, today: date) -> None:
        """Tells how the version stands on a day: its end, and whether another one answers."""
        standing = outlook(self._version, today)
        metrics.GRAPH_VERSION_END.labels(self._version).set(end_s(standing))
        if standing.advice is not None:
            log.warning("graph_version_outlook", state=standing.state, advice=standing.advice)
        self._tell_answering()

    async def read(self, request: GraphRequest, credentials: Credentials | None) -> Answer:
        """The answer to one request; without credentials where the request holds them itself.

        Raises:
            GraphUnavailableError: there was none within the deadline.
        """
        proof = credentials.proof if credentials else None
        bearer = {"Authorization": f"Bearer {credentials.token}"} if credentials else {}
        url = request.url(self._version, proof)
        status, headers, body = await self._call(
            [request], "GET", url, self._reading, headers=bearer
        )
        answer = answer_to(request, status, headers, body)
        self._tell(request, answer)
        return answer

    async def batch(
        self, requests: Sequence[GraphRequest], credentials: Credentials
    ) -> list[Answer]:
        """The answers to at most 50 requests, in their order, for one round trip.

        Each of them counts as a call, and fails by itself.

        Raises:
            GraphUnavailableError: there was no answer within the deadline.
            ValueError: there are no requests, or too many.
        """
        proof = credentials.proof
        form = {
            "access_token": credentials.token,
            "batch": batch_items(requests, self._version, proof),
        }
        url = f"{self._version}/?appsecret_proof={proof}"
        status, headers, body = await self._call(requests, "POST", url, self._reading, data=form)
        answers = answers_to(requests, status, headers, body)
        for request, answer in zip(requests, answers, strict=True):
            self._tell(request, answer)
        return answers

    async def write(self, write: GraphWrite, credentials: Credentials) -> Answer:
        """The answer to one write, which is sent once, whatever happens.

        Raises:
            GraphUnavailableError: there was none within the deadline. Only where `was_sent` is
                false it is certain that nothing was done.
        """
        bearer = {"Authorization": f"Bearer {credentials.token}"}
        url = write.url(self._version, credentials.proof)
        status, headers, body = await self._call(
            [write], "POST", url, self._writing, data=dict(write.form), headers=bearer
        )
        answer = answer_to_write(status, headers, body)
        self._tell(write, answer)
        return answer

    async def _call(
        self,
        requests: Sequence[GraphRequest | GraphWrite],
        method: str,
        url: str,
        session: aiohttp.ClientSession | None,
        **options: Any,
    ) -> tuple[int, Mapping[str, str], bytes]:
        if session is None:
            raise RuntimeError("the client is not open")
        try:
            return await self._exchange(session, method, url, **options)
        except GraphUnavailableError as error:
            for request in requests:
                metrics.GRAPH_CALLS.labels(request.endpoint, error.reason).inc()
            raise

    async def _exchange(
        self, session: aiohttp.ClientSession, method: str, url: str, **options: Any
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers and body of an answer.

        Raises:
            GraphUnavailableError: without a cause, which would hold the URL.
        """
        target = URL(f"{self._base_url}/{url}", encoded=True)
        try:
            async with session.request(
                method, target, allow_redirects=False, **options
            ) as response:
                body = await self._body(response)
                if body is not None:
                    return response.status, response.headers, body
            failure = ("graph_answer_too_large", True, f"{self._max_answer_bytes} bytes and more")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = (*_failure(error), type(error).__name__)
        # Raised out here, so that aiohttp's exception is not its context either.
        reason, was_sent, detail = failure
        raise GraphUnavailableError(reason, f"{self._base_url}: {detail}", was_sent=was_sent)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes | None:
        """The whole body, decompressed; None when it is too large."""
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._max_answer_bytes:
                return None
        return bytes(body)

    def _tell(self, request: GraphRequest | GraphWrite, answer: Answer) -> None:
        verdict = answer.verdict
        metrics.GRAPH_CALLS.labels(request.endpoint, verdict.action if verdict else _OK).inc()
        self._look_at_version(answer.api_version)
        if verdict is None:
            return
        # A wrong call is wrong each time: it is an alarm once, and the metric counts on.
        case = (request.endpoint, verdict.reason)
        is_wrong = verdict.action is Action.BUG or verdict.is_ours
        is_news = is_wrong and case not in self._told
        self._told |= {case} if is_news else set()
        error = answer.error
        (log.error if is_news else log.debug)(
            "graph_call_wrong" if is_wrong else "graph_call_unanswered",
            endpoint=request.endpoint,
            action=verdict.action.value,
            reason=verdict.reason,
            http_status=answer.http_status,
            code=error and error.code,
            subcode=error and error.subcode,
            fbtrace_id=error and error.trace_id,
        )

    def _look_at_version(self, answering: str | None) -> None:
        """Tells once when another version than the pinned one begins to answer."""
        if answering is None or answering == self._answering_version:
            return
        self._answering_version = answering
        if answering == self._version:
            log.info("graph_version_as_pinned", pinned=self._version)
        self._tell_answering()

    def _tell_answering(self) -> None:
        differs = self._answering_version != self._version
        metrics.GRAPH_VERSION_DIFFERS.labels(self._version).set(differs)
        if differs:
            log.error(
                "graph_version_differs",
                pinned=self._version,
                answering=self._answering_version,
                repair="set HOOKLINE_GRAPH_VERSION to a version that is alive",
            )


def _failure(error: aiohttp.ClientError | TimeoutError | OSError) -> tuple[str, bool]:
    """The reason, and whether the call may have reached Meta."""
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return "graph_unreachable", False
    if isinstance(error, TimeoutError):
        return "graph_timeout", True
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientOSError):
        return "graph_disconnected", True
    return "graph_answer_broken", True
