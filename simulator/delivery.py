"""A delivery with what it is. Owns the join of a body and its ground truth."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.signing import Signing
from simulator.truth import Field, SentChange, changes_of
from simulator.wire import INSTAGRAM, Entry, encode, envelope


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST of Meta's: the body, how it is sent, and what should come of it.

    Attributes:
        case: name of the case that made it.
        body: the exact bytes.
        changes: what it carries; empty when the body is unreadable or holds nothing.
        readable: False when no parser reads the body as a delivery: a dead letter.
        signing: how it is signed.
        status: the answer that a right receiver gives.
        content_encoding: sent as header when given; Meta sends none.
    """

    case: str
    body: bytes
    changes: tuple[SentChange, ...] = ()
    readable: bool = True
    signing: Signing = Signing.VALID
    status: int = 200
    content_encoding: str | None = None

    def changes_by_field(self) -> Counter[Field]:
        """How many changes of each field it carries."""
        return Counter(change.field for change in self.changes)


def deliver(
    case: str, entries: Sequence[Entry], object_type: str = INSTAGRAM, *, wrapped: bool = False
) -> Delivery:
    """A well-formed delivery of `entries`; `wrapped` puts it into a list, as the samples print."""
    document = envelope(entries, object_type)
    changes = tuple(change for entry in entries for change in changes_of(entry, object_type))
    return Delivery(case, encode([document] if wrapped else document), changes)
