"""The Graph API without a network: calls in, answers out. It has a state, and a clock."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any, Final

from simulator.graph.app_subscriptions import AppSubscriptions
from simulator.graph.calls import Call, Purpose, Reply, batch_calls, batch_item
from simulator.graph.chance import letters
from simulator.graph.contents import Contents
from simulator.graph.deliveries import OwnDelivery
from simulator.graph.directory import Directory
from simulator.graph.edges import Edges, Question
from simulator.graph.errors import RefusalError, UnfinishedError, missing
from simulator.graph.faults import Fault, Faults
from simulator.graph.grants import Grants
from simulator.graph.handshake import Handshake
from simulator.graph.limits import Limits
from simulator.graph.options import GraphOptions
from simulator.graph.page_subscriptions import PageSubscriptions
from simulator.graph.paths import EXCHANGE
from simulator.graph.statistics import Statistics
from simulator.graph.tokens import Token, Tokens
from simulator.graph.versions import versioned
from simulator.graph.writes import Write

UNKNOWN: Final = Purpose("unknown")

_METHODS: Final = ("GET", "POST", "DELETE")


class Graph:
    """What answers.

    `tell`, `contents`, `tokens`, `grants`, `pages`, `apps` and `faults` change the world behind it;
    `writes` and `deliveries` tell what calls did to it.
    """

    def __init__(
        self, options: GraphOptions | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives Unix seconds."""
        self.options = options or GraphOptions()
        self.directory = Directory(self.options)
        self.tokens = Tokens(self.options, self.directory, clock())
        self.contents = Contents(self.options, self.directory)
        self.faults = Faults(self.options.seed, self.options.faults)
        self.limits = Limits(self.options)
        self.statistics = Statistics()
        self._edges = Edges(self.options, self.directory, self.tokens, self.contents)
        self._clock = clock

    @property
    def grants(self) -> Grants:
        """What the users granted."""
        return self.tokens.grants

    @property
    def pages(self) -> PageSubscriptions:
        """Which Pages the app is subscribed to."""
        return self._edges.pages

    @property
    def apps(self) -> AppSubscriptions:
        """What the app is subscribed to."""
        return self._edges.apps

    @property
    def writes(self) -> Sequence[Write]:
        """All answers that were written, in order, whatever was told of them."""
        return self._edges.replies.writes.made

    @property
    def deliveries(self) -> Sequence[OwnDelivery]:
        """The answers on own media, as they come back to the app: to be signed and sent."""
        return self._edges.replies.deliveries

    def tell(self, body: bytes) -> int:
        """Makes known what a delivery tells, and gives how many changes of it are known now.

        To be called before the delivery is sent: else what it is about might be asked for first.
        """
        return self.contents.register.tell(body, self._clock())

    def summary(self) -> dict[str, Any]:
        """Exact counts of what was asked and answered."""
        limits = self.limits.summary(self._clock())
        return {**self.statistics.summary(), **limits, "faults": dict(self.faults.made)}

    def end_tokens(self, user: int, subcode: int) -> None:
        """Ends a user's tokens, as `subcode` says; they log in again, and have new ones.

        Raises:
            KeyError: there is no such user.
        """
        self.tokens.end(user, subcode, self._clock())

    def clear_statistics(self) -> None:
        """Counts from now on. What the limits hold stays."""
        self.statistics = Statistics()

    def request_faults(self, call: Call) -> list[Fault]:
        """What goes wrong with the whole request. Asking is an attempt."""
        try:
            first = batch_calls(call)[0] if call.is_batch else call
            purpose = self._question(first, self._clock()).purpose
        except RefusalError:
            purpose = UNKNOWN
        endpoint, object_id, account_id, is_write = purpose
        object_id = object_id or endpoint
        return self.faults.of_request(endpoint, object_id, account_id, is_write=is_write)

    def handshake(self, call: Call) -> Handshake | None:
        """What a callback must be asked before the call is answered; None mostly."""
        try:
            return self._edges.handshake(self._question(call, self._clock()))
        except RefusalError:
            return None

    def answer(self, call: Call) -> Reply:
        """The answer to a request, which may be a batch."""
        self.statistics.requests += 1
        if not call.is_batch:
            return self._single(call)[0]
        self.statistics.batches += 1
        return self._batch(call)

    def _batch(self, call: Call) -> Reply:
        """Items are answered each for itself; what is wrong with the batch refuses all."""
        now_s = self._clock()
        try:
            if "access_token" in call.params:
                self._token(call, now_s)
            calls = batch_calls(call)
        except RefusalError as error:
            return self._reply(call, error)
        answered = [self._single(one) for one in calls]
        with_headers = call.params.get("include_headers") != "false"
        items = [batch_item(reply, with_headers=with_headers) for reply, _ in answered]
        return self._reply(call, items, [purpose for _, purpose in answered])

    def _single(self, call: Call) -> tuple[Reply, Purpose]:
        """The answer to one call, and what that was for."""
        now_s, purpose = self._clock(), UNKNOWN
        result: dict[str, Any] | RefusalError
        try:
            question = self._question(call, now_s)
            purpose = question.purpose
            result = self._result(question, now_s)
        except RefusalError as error:
            result = error
        self.statistics.count(purpose, result, now_s)
        return self._reply(call, result, [purpose]), purpose

    def _question(self, call: Call, now_s: float) -> Question:
        if call.method not in _METHODS:
            raise missing(call.path.strip("/"), call.method.lower())
        version, path = self._versioned(call)
        token = None if path == EXCHANGE else self._token(call, now_s)
        return self._edges.question(call, path, version, token)

    def _result(self, question: Question, now_s: float) -> dict[str, Any]:
        """The answer to a question, if limits and faults let it through."""
        endpoint, object_id, account_id, is_write = question.purpose
        if question.token is not None:
            self.limits.spend(account_id, now_s)
        object_id = object_id or endpoint
        fault = self.faults.of_call(endpoint, object_id, account_id, is_write=is_write)
        if fault is None:
            return self._edges.answer(question, now_s)
        if fault.kind == "error_after":
            self._edges.answer(question, now_s)
        raise UnfinishedError if fault.kind == "unfinished" else fault.error()

    def _reply(self, call: Call, result: Any, purposes: Sequence[Purpose] = ()) -> Reply:
        """The result with the headers that every answer has, and what the limits tell."""
        now_s = self._clock()
        trace_id = f"A{letters(self.options.seed, 'trace', self.statistics.answers.total())[:22]}"
        headers = {
            "facebook-api-version": self._version(call),
            "x-fb-trace-id": trace_id,
            "Date": formatdate(now_s, usegmt=True),
        }
        if any(purpose is not UNKNOWN for purpose in purposes):
            account_ids = dict.fromkeys(one.account_id for one in purposes if one.account_id)
            headers |= self.limits.headers(account_ids, now_s)
        if isinstance(result, RefusalError):
            is_finished = not isinstance(result, UnfinishedError)
            return Reply(result.status, result.document(trace_id), headers, is_finished)
        return Reply(200, result, headers)

    def _token(self, call: Call, now_s: float) -> Token:
        params = call.params
        return self.tokens.checked(params.get("access_token"), params.get("appsecret_proof"), now_s)

    def _version(self, call: Call) -> str:
        try:
            return self._versioned(call)[0]
        except RefusalError:
            return self.options.default_version

    def _versioned(self, call: Call) -> tuple[str, str]:
        today = datetime.fromtimestamp(self._clock(), UTC).date()
        return versioned(call.path, today, self.options.default_version)
