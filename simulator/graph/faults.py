"""What goes wrong on purpose. Owns when: by seed, object and attempt, the same each time."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from simulator.graph.chance import happens
from simulator.graph.errors import RefusalError, ordered

Kind: TypeAlias = Literal[
    "error",
    "error_after",
    "unfinished",
    "status",
    "status_after",
    "slow",
    "slow_after",
    "drop_before",
    "drop_after",
    "garbage",
]

_OF_CALLS: Final = frozenset({"error", "error_after", "unfinished"})

_TEXT: Final = re.compile(
    r"(?P<kind>[a-z_]+)(?::(?P<number>\d+)(?:/(?P<subcode>\d+))?)?"
    r"(?:@(?P<account>\d+))?(?:=(?P<probability>[0-9.]+))?",
    re.ASCII,
)

_NUMBERS: Final = {
    "error": "code",
    "error_after": "code",
    "status": "status",
    "status_after": "status",
    "slow": "delay_ms",
    "slow_after": "delay_ms",
}


class Fault(BaseModel):
    """Something that goes wrong, and with what.

    Of single calls, those in a batch too: `error` (an error object with `code` and `subcode`) and
    `unfinished` (the item of the batch is null). Of whole requests: `status` (a page of
    somebody in front, with that status), `slow` (the work is done `delay_ms` later),
    `drop_before` and `drop_after` (the connection is cut before or after the work was done), and
    `garbage` (an answer that is not JSON). What is cut off or turned away before does not count.
    `error_after`, `status_after` and `slow_after` are the same once the work was done: what is
    written then stays written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Kind
    probability: float = Field(1.0, ge=0, le=1)
    code: int = 2
    subcode: int | None = None
    status: int = Field(503, ge=400, le=599)
    delay_ms: int = Field(300, ge=0)
    account_id: str | None = None
    endpoint: str | None = None
    object_id: str | None = None
    attempts: int | None = Field(None, ge=1, description="Only the first ones of an object.")

    def error(self) -> RefusalError:
        """What a call is answered that it happens to."""
        return ordered(self.code, self.subcode)


def read_fault(text: str) -> Fault:
    """`KIND[:NUMBER[/SUBCODE]][@ACCOUNT][=PROBABILITY]`: `error:190/463@178…`, `slow:800=0.1`.

    The number is the code of an `error`, the `status`, or the milliseconds of `slow`.

    Raises:
        ValueError: it is none.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is not KIND[:NUMBER[/SUBCODE]][@ACCOUNT][=PROBABILITY]")
    parts = found.groupdict()
    number = _NUMBERS.get(parts["kind"], "number")
    given = {
        "kind": parts["kind"],
        number: parts["number"],
        "subcode": parts["subcode"],
        "account_id": parts["account"],
        "probability": parts["probability"],
    }
    return Fault.model_validate({name: value for name, value in given.items() if value is not None})


class Faults:
    """The faults now wanted, and how often each object was asked for."""

    def __init__(self, seed: int, faults: Iterable[Fault] = ()) -> None:
        self.wanted = tuple(faults)
        self.made: Counter[str] = Counter()
        self._seed = seed
        self._attempts: Counter[tuple[bool, bool, str]] = Counter()

    def of_call(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> Fault | None:
        """What goes wrong with one call; None mostly. Asking is an attempt, to read or to write."""
        return next(iter(self._drawn(True, is_write, endpoint, object_id, account_id)), None)

    def of_request(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> list[Fault]:
        """What goes wrong with a whole request, named by its first call. Asking is an attempt."""
        return self._drawn(False, is_write, endpoint, object_id, account_id)

    def _drawn(
        self, of_call: bool, is_write: bool, endpoint: str, object_id: str, account_id: str | None
    ) -> list[Fault]:
        self._attempts[of_call, is_write, object_id] += 1
        attempt = self._attempts[of_call, is_write, object_id]
        drawn = [
            fault
            for fault in self.wanted
            if (fault.kind in _OF_CALLS) is of_call
            and fault.endpoint in (None, endpoint)
            and fault.object_id in (None, object_id)
            and fault.account_id in (None, account_id)
            and (fault.attempts is None or attempt <= fault.attempts)
            and happens(fault.probability, self._seed, fault.kind, fault.code, object_id, attempt)
        ]
        self.made.update(fault.kind for fault in drawn)
        return drawn
