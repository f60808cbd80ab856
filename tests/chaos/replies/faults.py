"""What goes wrong with a write: something each time, by seed. Owns what was really done."""

from collections import Counter
from typing import Final, NamedTuple

from simulator.graph.chance import happens, pick
from simulator.graph.faults import Fault, Faults

WRITES: Final = ("mention_reply", "comment_reply")

OF_CALLS: Final = ("error", "error_after")

LATE_MS: Final = 150

DEADLINE_S: Final = 1.5
"""Of a call, as the worker is told."""

TOO_LATE_MS: Final = int(DEADLINE_S * 1000) + 500


class Way(NamedTuple):
    """A way in which a write goes wrong, and whether the answer is there all the same."""

    name: str
    fault: Fault
    is_written: bool
    weight: int


def _status(number: int) -> Fault:
    return Fault(kind="status", status=number)


WAYS: Final = (
    Way("answered late", Fault(kind="slow", delay_ms=LATE_MS), True, 18),
    Way("cut off after the write", Fault(kind="drop_after"), True, 12),
    Way("502 after the write", Fault(kind="status_after", status=502), True, 8),
    Way("503 after the write", Fault(kind="status_after", status=503), True, 4),
    Way("20/1772107 after it", Fault(kind="error_after", code=20, subcode=1772107), True, 10),
    Way("506 after the write", Fault(kind="error_after", code=506), True, 6),
    Way("2 after the write", Fault(kind="error_after", code=2), True, 4),
    Way("1 after the write", Fault(kind="error_after", code=1), True, 3),
    Way("no JSON after the write", Fault(kind="garbage"), True, 4),
    Way("too late", Fault(kind="slow_after", delay_ms=TOO_LATE_MS), True, 3),
    Way("cut off before the write", Fault(kind="drop_before"), False, 8),
    Way("503 before the write", _status(503), False, 6),
    Way("2 before the write", Fault(kind="error", code=2), False, 4),
    Way("1 before the write", Fault(kind="error", code=1), False, 2),
    Way("100/33", Fault(kind="error", code=100, subcode=33), False, 4),
    Way("9009", Fault(kind="error", code=9009), False, 2),
    Way("368, a block", Fault(kind="error", code=368), False, 1),
)

_DEALT: Final = tuple(way for way in WAYS for _ in range(way.weight))

UNREADABLE: Final = Fault(kind="error", code=803)
"""Says for good that there is nothing to be read."""


class EveryWrite(Faults):
    """Every write goes wrong, in a way that follows from seed, object and attempt.

    So many mentions cannot be read either, and never will.

    Attributes:
        met: how often each way was met.
        unreadable: mentions that were asked for and cannot be read.
    """

    def __init__(self, seed: int, unreadable_share: float = 0.0) -> None:
        super().__init__(seed)
        self.met: Counter[str] = Counter()
        self.unreadable: set[str] = set()
        self._write_seed = seed
        self._unreadable_share = unreadable_share
        self._tries: Counter[str] = Counter()
        self._under_way: dict[str, Fault] = {}

    def of_request(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> list[Fault]:
        """The way of this write; reads are left alone."""
        if endpoint not in WRITES:
            return super().of_request(endpoint, object_id, account_id, is_write=is_write)
        self._tries[object_id] += 1
        way = way_of(self._write_seed, object_id, self._tries[object_id])
        self.met[way.name] += 1
        if way.fault.kind in OF_CALLS:
            self._under_way[object_id] = way.fault
            return []
        return [way.fault]

    def of_call(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> Fault | None:
        """The way that the request drew, where it is one of calls."""
        if endpoint in WRITES:
            return self._under_way.pop(object_id, None)
        if endpoint.startswith("mentioned_") and happens(
            self._unreadable_share, self._write_seed, "unreadable", object_id
        ):
            self.unreadable.add(object_id)
            return UNREADABLE
        return super().of_call(endpoint, object_id, account_id, is_write=is_write)


def way_of(seed: int, object_id: str, attempt: int) -> Way:
    """How a write goes wrong. Pure."""
    return pick(_DEALT, seed, "write", object_id, attempt)
