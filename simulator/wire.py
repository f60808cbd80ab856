"""Meta's JSON on the wire, and the shape of a delivery. Owns bytes, not meaning."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Value: TypeAlias = dict[str, Any]

INSTAGRAM: Final = "instagram"

MAX_CHANGES: Final = 1000
"""Updates that Meta puts into one delivery at most.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""


def encode(document: Any) -> bytes:
    r"""`document` as Meta writes it: pure ASCII, `\uXXXX` in lower-case hex, spaced separators.

    A captured delivery has exactly the length that this layout gives, and none of the lengths of
    a compact or a UTF-8 form.

    Source: https://developers.facebook.com/docs/messenger-platform/webhooks (escaped unicode)
    """
    return json.dumps(document, allow_nan=False).encode("ascii")


@dataclass(frozen=True, slots=True)
class Notification:
    """One item of `changes`: a platform field and its value."""

    field: str
    value: Any

    def document(self) -> Value:
        """The item as Meta nests it."""
        return {"value": self.value, "field": self.field}


@dataclass(frozen=True, slots=True)
class Entry:
    """One account's part of a delivery. It may hold several lists at once.

    `time` is when Meta sent it: seconds for changes, milliseconds for messaging, and in dashboard
    tests sometimes text.
    """

    account_id: str
    time: int | str
    changes: Sequence[Notification] = ()
    messaging: Sequence[Value] = ()
    standby: Sequence[Value] = ()
    changed_fields: Sequence[str] = ()
    flat: Notification | None = None

    def document(self) -> Value:
        """The entry as Meta nests it: lists that are empty are absent."""
        document: Value = {"id": self.account_id, "time": self.time}
        if self.changes:
            document["changes"] = [change.document() for change in self.changes]
        for name, items in (
            ("messaging", self.messaging),
            ("standby", self.standby),
            ("changed_fields", self.changed_fields),
        ):
            if items:
                document[name] = list(items)
        if self.flat is not None:
            document["field"] = self.flat.field
            document["value"] = self.flat.value
        return document


def envelope(entries: Sequence[Entry], object_type: str = INSTAGRAM) -> Value:
    """The top-level object, `entry` before `object` as captured."""
    return {"entry": [entry.document() for entry in entries], "object": object_type}
