"""Bodies look as Meta's do, byte for byte."""

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.cases import CASES
from simulator.traffic import mixed, of_case
from simulator.wire import Entry, Notification, encode, envelope

CAPTURED_BYTES = 346
"""Content length of a captured delivery: an organic comment with two accented letters."""

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def captured_shape() -> dict[str, Any]:
    """A comment in the captured shape whose text makes up the captured length."""
    value = {
        "from": {"id": "1281680000000001", "username": "user_a"},
        "media": {"id": "17921400000000001", "media_product_type": "FEED"},
        "id": "17981480000000001",
        "text": "éü",
    }
    update = Notification("comments", value)
    document = envelope([Entry("17841400000000001", 1734638812, [update])])
    value["text"] = "éü" + "x" * (CAPTURED_BYTES - len(encode(document)))
    return document


def test_layout_has_the_captured_length_and_no_other_form_has() -> None:
    """Escaped and spaced is 346 bytes; compact and UTF-8 forms are 314, 322 and 338."""
    document = captured_shape()
    compact = json.dumps(document, separators=(",", ":"))
    utf8 = json.dumps(document, ensure_ascii=False)
    compact_utf8 = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    assert len(encode(document)) == CAPTURED_BYTES
    assert [len(compact), len(utf8.encode()), len(compact_utf8.encode())] == [322, 338, 314]


def test_entry_comes_before_object() -> None:
    """The order of the captured keys."""
    assert list(envelope([])) == ["entry", "object"]


def test_escapes_are_lower_case() -> None:
    """Letters beyond ASCII travel as lower-case hex, emoji as two escapes."""
    assert encode({"text": "ä/🔥<é"}) == b'{"text": "\\u00e4/\\ud83d\\udd25<\\u00e9"}'


@given(VALUES)
def test_bodies_are_ascii_and_say_what_they_were_given(value: Any) -> None:
    """Nothing is lost on the wire, and nothing beyond ASCII is on it."""
    body = encode(value)
    assert body.isascii()
    assert json.loads(body) == value


@pytest.mark.parametrize("not_json", [float("nan"), float("inf")])
def test_what_is_not_json_is_not_written(not_json: float) -> None:
    """Only hostile cases send NaN, and they say so."""
    with pytest.raises(ValueError, match="JSON"):
        encode({"x": not_json})


def test_well_formed_traffic_is_in_the_wire_form() -> None:
    """Writing a body's document again gives the same bytes."""
    cases = [case for case in CASES if case.group != "hostile"]
    for delivery in mixed(3, 400, cases):
        assert encode(json.loads(delivery.body)) == delivery.body
        assert not re.search(rb"\\u[0-9a-f]{0,3}[A-F]", delivery.body)


def test_list_wrapped_and_flat_forms() -> None:
    """The forms that only the platform's samples print."""
    by_name = {case.name: case for case in CASES}
    (wrapped,) = of_case(by_name["list_wrapped"], 1)
    assert isinstance(json.loads(wrapped.body), list)
    (flat,) = of_case(by_name["flat"], 1)
    assert {"field", "value"} < set(json.loads(flat.body)["entry"][0])


def test_times_count_seconds_for_changes_and_milliseconds_for_messages() -> None:
    """The units that captures show."""
    by_name = {case.name: case for case in CASES}
    (comment,) = of_case(by_name["organic"], 1)
    (message,) = of_case(by_name["message_text"], 1)
    assert json.loads(comment.body)["entry"][0]["time"] < 10**11
    entry = json.loads(message.body)["entry"][0]
    assert min(entry["time"], entry["messaging"][0]["timestamp"]) >= 10**11
