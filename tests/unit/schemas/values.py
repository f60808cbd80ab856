"""JSON values, bodies and deliveries for property tests: of every shape, well formed and not."""

import json
import re
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st

untimed: Final = settings(deadline=None)
"""Examples may be slow on a shared machine: what counts is the answer."""

_ESCAPED_PAIR: Final = re.compile("[\ud800-\udbff]+(?=[\udc00-\udfff])")


def _unpaired(text: str) -> str:
    """`text` with lone surrogates only: JSON reads two in a row as one character."""
    return _ESCAPED_PAIR.sub("", text)


texts: Final = st.one_of(
    st.text(max_size=12),
    st.text(st.sampled_from('a\0\n"\\/\ud83d\ude00\udfff\ud800é字😀\ufffd\x7f'), max_size=8),
).map(_unpaired)
"""Any text, NUL, quotes and lone surrogates among it."""

numbers: Final = st.one_of(
    st.integers(-5, 5),
    st.integers(-(10**100), 10**100),
    st.sampled_from([2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, 10**18, 10**19]),
    st.floats(allow_nan=False, allow_infinity=False),
)
"""Integers of any size, and every finite float."""

scalars: Final = st.one_of(st.none(), st.booleans(), numbers, texts)

json_values: Final = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
"""Any JSON value."""

_ids: Final = st.one_of(
    st.sampled_from(["0", "17841400000000001", "17841400000000002", "", 0, 17841400000000001]),
    scalars,
)
_names: Final = st.one_of(
    st.sampled_from(["comments", "live_comments", "mentions", "story_insights", "messages"]),
    scalars,
)
_members: Final = st.fixed_dictionaries(
    {},
    optional={
        "id": _ids,
        "comment_id": _ids,
        "media_id": _ids,
        "from": st.fixed_dictionaries({}, optional={"id": _ids, "self_ig_scoped_id": _ids}),
        "media": json_values,
        "sender": st.fixed_dictionaries({}, optional={"id": _ids}),
        "timestamp": _ids,
        "message": st.fixed_dictionaries({}, optional={"mid": _ids}) | json_values,
        "reach": _ids,
    },
)
values: Final = _members | json_values
"""What stands as a change's value: often of a known shape."""

_changes: Final = st.fixed_dictionaries({}, optional={"field": _names, "value": values})
_entries: Final = st.fixed_dictionaries(
    {},
    optional={
        "id": _ids,
        "time": _ids,
        "changes": st.lists(_changes | json_values, max_size=3) | json_values,
        "messaging": st.lists(values, max_size=3) | json_values,
        "standby": st.lists(values, max_size=2) | json_values,
        "changed_fields": st.lists(_names, max_size=2) | json_values,
        "field": _names,
        "value": values,
    },
)
_envelopes: Final = st.fixed_dictionaries(
    {"entry": st.lists(_entries | json_values, max_size=3) | json_values},
    optional={"object": st.sampled_from(["instagram", "page"]) | scalars},
)
documents: Final = st.one_of(
    _envelopes, st.lists(_envelopes | json_values, max_size=3), json_values
)
"""A body's JSON: usually an envelope with something wrong in it."""

bodies: Final = documents.map(lambda document: json.dumps(document).encode())
"""The bytes of `documents`, as Meta writes them: ASCII, spaced."""

any_bytes: Final = st.one_of(
    bodies,
    st.binary(max_size=60),
    st.tuples(bodies, st.integers(0, 400), st.binary(min_size=1, max_size=2)).map(
        lambda parts: parts[0][: parts[1]] + parts[2] + parts[0][parts[1] + 1 :]
    ),
)
"""Bytes: bodies, bodies with an accident, and anything else."""


def nested(depth: int, inside: Any = None) -> Any:
    """A list in a list in a list … of this depth."""
    value = inside
    for _ in range(depth):
        value = [value]
    return value


def body(entry: Any, object_type: Any = "instagram") -> bytes:
    """A body of one entry."""
    return json.dumps({"entry": [entry], "object": object_type}).encode()


def change_body(field: Any, value: Any, account_id: Any = "17841400000000001") -> bytes:
    """A body of one entry with one change."""
    return body(
        {"id": account_id, "time": 1734638812, "changes": [{"field": field, "value": value}]}
    )
