"""What was written, in order. There is no idempotency: the same call twice writes twice."""

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from simulator.graph.chance import number
from simulator.graph.errors import duplicate
from simulator.graph.options import GraphOptions

Endpoint: TypeAlias = Literal["mention_reply", "comment_reply"]


@dataclass(frozen=True, slots=True)
class Write:
    """An answer that was written.

    Attributes:
        endpoint: which edge wrote it.
        account_id: whose answer it is.
        target: the comment that was to be answered; the media for a mention in a caption.
        message: its text.
        id: of the comment that it is.
        at_s: Unix seconds.
    """

    endpoint: Endpoint
    account_id: str
    target: str
    message: str = field(repr=False)
    id: str
    at_s: float

    def summary(self) -> dict[str, Any]:
        """As one JSON object."""
        return {name: getattr(self, name) for name in self.__slots__}


class Writes:
    """All of them; `made` in the order in which they happened."""

    def __init__(self, options: GraphOptions) -> None:
        self.made: list[Write] = []
        self._options = options
        self._last_s: dict[tuple[str, str, str], float] = {}

    def add(
        self, endpoint: Endpoint, account_id: str, target: str, message: str, now_s: float
    ) -> Write:
        """Writes an answer.

        Raises:
            RefusalError: duplicates are refused, and this is one.
        """
        same = (account_id, target, message)
        last_s = self._last_s.get(same)
        if last_s is not None and now_s < last_s + self._options.duplicate_s:
            raise duplicate()
        write = Write(endpoint, account_id, target, message, self._new_id(), now_s)
        self.made.append(write)
        self._last_s[same] = now_s
        return write

    def _new_id(self) -> str:
        """Of 17 digits, as comments have; with a beginning that no simulated traffic has."""
        place = number(10**7, self._options.seed, "written")
        return f"177{place:07d}{len(self.made) + 1:07d}"
