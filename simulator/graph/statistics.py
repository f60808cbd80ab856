"""What was asked and answered, counted exactly. For tests: nothing decides by it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from simulator.graph.calls import Purpose
from simulator.graph.errors import RefusalError

_READ: Final = frozenset(
    {"account", "comment", "media", "mentioned_comment", "mentioned_media", "page"}
)
"""Endpoints that read one object: edges and writes are for others to count."""


@dataclass(slots=True)
class Reads:
    """How often one object was asked for, and how many calls came before. Unix seconds."""

    endpoint: str
    calls_before: int = 0
    calls: int = 0
    answered: int = 0
    first_call_s: float = 0.0
    first_answer_s: float | None = None

    def summary(self) -> dict[str, Any]:
        """As one JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Statistics:
    """Counts since the start, or since they were cleared.

    Attributes:
        requests: HTTP requests, batches once each.
        batches: of these.
        endpoints: calls by endpoint, the items of batches included.
        answers: calls by outcome: `ok`, or code and subcode of the error.
        reads: comments, media and mentions, by id.
    """

    requests: int = 0
    batches: int = 0
    endpoints: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    reads: dict[str, Reads] = field(default_factory=dict)

    def count(self, purpose: Purpose, result: Any, now_s: float) -> None:
        """One call, and how it ended: with an answer, or with an error."""
        refusal = result if isinstance(result, RefusalError) else None
        before = self.endpoints.total()
        self.endpoints[purpose.endpoint] += 1
        self.answers[refusal.name if refusal else "ok"] += 1
        if purpose.object_id is None or purpose.endpoint not in _READ:
            return
        new = Reads(purpose.endpoint, before, first_call_s=now_s)
        reads = self.reads.setdefault(purpose.object_id, new)
        reads.calls += 1
        if refusal is None:
            reads.answered += 1
            reads.first_answer_s = reads.first_answer_s or now_s

    def summary(self) -> dict[str, Any]:
        """As one JSON object, with the reads in short: `reads` itself may be long."""
        answered = [reads.answered for reads in self.reads.values()]
        return {
            "requests": self.requests,
            "batches": self.batches,
            "calls": self.endpoints.total(),
            "endpoints": dict(self.endpoints),
            "answers": dict(self.answers),
            "objects": len(self.reads),
            "objects_answered": sum(count > 0 for count in answered),
            "most_answers_for_one_object": max(answered, default=0),
        }
