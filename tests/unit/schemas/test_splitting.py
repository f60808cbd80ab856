"""Any body splits into its changes, or one error names why not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError
from schemas.fields import FIELDS
from schemas.splitting import Change, Position, fields_in, id_text, payload_key, sent_time, split
from tests.unit.schemas.values import (
    any_bytes,
    body,
    change_body,
    documents,
    json_values,
    nested,
    untimed,
)

ACCOUNT = "17841400000000001"
COMMENT = {"id": "17981480000000001", "text": "hello"}


def positions(data: bytes) -> list[str]:
    """Where the changes of a body stand, in order."""
    return [str(change.position) for change in split(data)]


@untimed
@given(any_bytes)
@example(b"")
@example(b"[]")
@example(b"[" * 100_000)
@example(b'{"entry":{}}')
@example(b'{"entry":[],"object":"instagram"}')
def test_any_bytes_split_or_name_a_reason(data: bytes) -> None:
    """Nothing but a list of changes or one of three slugs comes out."""
    changes, refusal = [], UnreadableError("not_json")
    try:
        changes = split(data)
    except UnreadableError as error:
        refusal = error
    assert refusal.reason in {"not_json", "too_deep", "no_entry_list"}
    assert str(refusal) == refusal.reason
    assert all(isinstance(change, Change) for change in changes)


@untimed
@given(any_bytes)
@example(change_body("comments", COMMENT))
@example(change_body("comments", {"id": 10**30}))
@example(change_body("mentions", {"media_id": "\ud800"}))
@example(b'{"entry":[],"object":"instagram"}')
def test_a_body_goes_to_exactly_the_topics_of_its_changes(data: bytes) -> None:
    """One topic less would lose changes, one more would be read for nothing."""
    try:
        found = {change.field for change in split(data)}
    except UnreadableError:
        found = set()
    assert fields_in(data) == (tuple(name for name in FIELDS if name in found) or ("other",))


@untimed
@given(documents)
def test_changes_come_in_order_each_at_a_place_of_its_own(document: Any) -> None:
    """Positions are unique and entries never step back."""
    try:
        found = [change.position for change in split(json.dumps(document).encode())]
    except UnreadableError:
        return
    assert len(set(found)) == len(found)
    assert [position.entry for position in found] == sorted(position.entry for position in found)


@untimed
@given(documents)
def test_every_change_is_storable_beside_its_value(document: Any) -> None:
    """Names and ids never carry what a column refuses."""
    try:
        changes = split(json.dumps(document).encode())
    except UnreadableError:
        return
    for change in changes:
        for name in (change.object_type, change.account_id, change.platform_field):
            assert name is None or "\0" not in name.encode().decode()
        assert change.account_id != ""


@untimed
@given(documents)
def test_what_is_typed_is_of_instagram_and_named_so(document: Any) -> None:
    """A typed change has its platform's field name, and all others are `other`."""
    try:
        changes = split(json.dumps(document).encode())
    except UnreadableError:
        return
    for change in changes:
        if change.field != "other":
            assert (change.object_type, change.platform_field) == ("instagram", change.field)
            assert change.position.list_name in ("changes", "flat")


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b'{"object": "instagram"}',
        b'{"entry": {}}',
        b'{"entry": "x"}',
        b'[{"entry": null}, [], 3]',
        b'[[{"entry": []}]]',
    ],
)
def test_json_without_a_list_of_entries_is_unreadable(data: bytes) -> None:
    """It is archived, and becomes a dead letter with this slug."""
    with pytest.raises(UnreadableError, match=r"^no_entry_list$"):
        split(data)
    assert fields_in(data) == ("other",)


def test_a_whole_change_is_told() -> None:
    """Everything that a change carries, from a captured shape."""
    (change,) = split(change_body("comments", COMMENT))
    assert change == Change(
        position=Position(0, "changes", 0),
        object_type="instagram",
        account_id=ACCOUNT,
        field="comments",
        platform_field="comments",
        value=COMMENT,
        sent_at=datetime(2024, 12, 19, 20, 6, 52, tzinfo=UTC),
    )


def test_entries_are_counted_over_all_top_level_objects() -> None:
    """Entry 2 is the first of the second object; an odd item between them counts as one."""
    entry = {"id": ACCOUNT, "changes": [{"field": "comments", "value": COMMENT}] * 2}
    envelope = {"object": "instagram", "entry": [entry, entry]}
    document = [envelope, "odd", envelope, {"object": "instagram"}]
    assert positions(json.dumps(document).encode()) == [
        "0.changes.0",
        "0.changes.1",
        "1.changes.0",
        "1.changes.1",
        "2.flat.0",
        "3.changes.0",
        "3.changes.1",
        "4.changes.0",
        "4.changes.1",
        "5.flat.0",
    ]


def test_every_list_of_an_entry_is_read() -> None:
    """One list does not hide another, and the flat form stands beside them."""
    entry = {
        "id": ACCOUNT,
        "changed_fields": ["comments"],
        "standby": [{"message": {}}],
        "messaging": [{"message": {}}, {"read": {}}],
        "changes": [{"field": "comments", "value": {}}],
        "field": "mentions",
        "value": {"media_id": "1"},
    }
    assert [(str(c.position), c.field, c.platform_field) for c in split(body(entry))] == [
        ("0.changes.0", "comments", "comments"),
        ("0.messaging.0", "other", "message"),
        ("0.messaging.1", "other", "read"),
        ("0.standby.0", "other", "message"),
        ("0.changed_fields.0", "other", "comments"),
        ("0.flat.0", "mentions", "mentions"),
    ]


def test_empty_lists_hold_no_change() -> None:
    """An entry that announces nothing is no event, nor is a delivery without entries."""
    assert split(body({"id": ACCOUNT, "changes": []})) == []
    assert split(b'{"object": "instagram", "entry": []}') == []


@pytest.mark.parametrize("odd", [None, 3, "x", [], ["changes"], {}, {"id": ACCOUNT}, {"time": 1}])
def test_an_odd_entry_is_kept_whole_and_hurts_no_neighbour(odd: Any) -> None:
    """It is one `other` change; the entries around it are read as ever."""
    entry = {"id": ACCOUNT, "changes": [{"field": "comments", "value": COMMENT}]}
    data = json.dumps({"object": "instagram", "entry": [entry, odd, entry]}).encode()
    first, middle, last = split(data)
    assert (middle.field, middle.platform_field, middle.value) == ("other", None, odd)
    assert str(middle.position) == "1.flat.0"
    assert (first.field, first.value) == (last.field, last.value) == ("comments", COMMENT)


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, {"field": "comments"}])
def test_an_odd_change_is_kept_whole_and_hurts_no_neighbour(odd: Any) -> None:
    """A change without a value is `other`, whatever it is called."""
    usual = {"field": "comments", "value": COMMENT}
    first, middle, last = split(body({"id": ACCOUNT, "changes": [usual, odd, usual]}))
    assert (middle.field, middle.platform_field, middle.value) == ("other", None, odd)
    assert middle.account_id == ACCOUNT
    assert (first.value, last.value) == (COMMENT, COMMENT)


@pytest.mark.parametrize("name", ["changes", "messaging", "standby", "changed_fields"])
@pytest.mark.parametrize("odd", [None, 3, "x", {}, {"field": "comments", "value": {}}])
def test_a_list_that_is_none_is_kept_whole(name: str, odd: Any) -> None:
    """Under its name, at index 0."""
    (change,) = split(body({"id": ACCOUNT, name: odd}))
    assert (str(change.position), change.field, change.value) == (f"0.{name}.0", "other", odd)


@pytest.mark.parametrize("value", [None, 0, "text", [], {}, True, 1.5])
def test_a_value_of_any_type_stays_with_its_field(value: Any) -> None:
    """The type of a value says nothing about whose topic it belongs to."""
    (change,) = split(change_body("comments", value))
    assert (change.field, change.value) == ("comments", value)


@pytest.mark.parametrize("name", [None, 3, True, [], {}])
def test_a_name_that_is_no_text_is_no_name(name: Any) -> None:
    """Of the field and of the object."""
    (change,) = split(change_body(name, {}))
    assert (change.field, change.platform_field) == ("other", None)
    entry = {"id": ACCOUNT, "changes": [{"field": "comments", "value": {}}]}
    (change,) = split(body(entry, name))
    assert (change.field, change.platform_field, change.object_type) == ("other", "comments", None)


def test_names_are_made_storable() -> None:
    """NUL and lone surrogates become U+FFFD in names, and the value stays as it came."""
    (change,) = split(change_body("a\0b\ud800", "\0\ud800"))
    assert (change.platform_field, change.value) == ("a\ufffdb\ufffd", "\0\ud800")


def test_deep_values_split() -> None:
    """What one parser refuses, the other reads: 600 levels with half an emoji inside."""
    value = nested(600, "\ud83d")
    (change,) = split(change_body("comments", value))
    assert (change.field, change.value) == ("comments", value)


def test_a_thousand_changes_split() -> None:
    """The documented size of a batch."""
    changes = [{"field": "comments", "value": {"id": str(index)}} for index in range(1000)]
    found = split(body({"id": ACCOUNT, "changes": changes}))
    assert [change.value["id"] for change in found] == [str(index) for index in range(1000)]
    assert sorted(change.position for change in found) == [change.position for change in found]


class TestPosition:
    """Order and text of positions."""

    def test_indices_order_as_numbers(self) -> None:
        """9 comes before 10, in entries and in lists."""
        texts = ["0.changes.2", "0.changes.10", "2.changes.0", "10.changes.0", "10.flat.0"]
        assert sorted(map(Position.parse, reversed(texts))) == list(map(Position.parse, texts))

    @given(
        st.builds(Position, st.integers(0), st.sampled_from(["flat", "changes"]), st.integers(0))
    )
    def test_the_text_reads_back(self, position: Position) -> None:
        """`parse` undoes `str`."""
        assert Position.parse(str(position)) == position

    @pytest.mark.parametrize("text", ["", "0", "0.flat", "a.flat.0", "0.flat.b", "0.flat.0.0", "."])
    def test_other_text_is_no_position(self, text: str) -> None:
        """It raises, and no position is made up."""
        with pytest.raises(ValueError, match=r".+"):
            Position.parse(text)


class TestIdText:
    """Ids are text, or absent."""

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            ("17841400000000001", "17841400000000001"),
            (17841400000000001, "17841400000000001"),
            (2**64 + 1, "18446744073709551617"),
            (0, "0"),
            ("0", "0"),
            (" ", " "),
            ("é", "é"),
            ("x" * 400, "x" * 400),
            (10**399, "1" + "0" * 399),
        ],
    )
    def test_text_and_integers_are_ids(self, value: Any, text: str) -> None:
        """Integers as decimal text, every digit kept."""
        assert id_text(value) == text

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            True,
            False,
            1.0,
            17841400000000001.0,
            [],
            ["1"],
            {},
            {"id": "1"},
            "a\0b",
            "\ud800",
            "x" * 401,
            "é" * 201,
            10**400,
        ],
    )
    def test_everything_else_is_absent(self, value: Any) -> None:
        """Other types, empty, unstorable and overlong ids."""
        assert id_text(value) is None


class TestSentTime:
    """`entry.time` in every unit that Meta uses."""

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (0, "1970-01-01T00:00:00+00:00"),
            (1734638812, "2024-12-19T20:06:52+00:00"),
            ("1527459824", "2018-05-27T22:23:44+00:00"),
            (1668022334834, "2022-11-09T19:32:14.834000+00:00"),
            ("1668022334834", "2022-11-09T19:32:14.834000+00:00"),
            (99_999_999_999, "5138-11-16T09:46:39+00:00"),
            (100_000_000_000, "1973-03-03T09:46:40+00:00"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999000+00:00"),
        ],
    )
    def test_seconds_milliseconds_and_text(self, value: Any, expected: str) -> None:
        """From 10^11 on the unit is milliseconds."""
        found = sent_time(value)
        assert found is not None
        assert found.isoformat() == expected

    @pytest.mark.parametrize(
        "value",
        [
            None,
            True,
            -1,
            1.5,
            1734638812.0,
            "",
            "-1",
            "1.5",
            "soon",
            "٣",
            "²",
            "9" * 17,
            "9" * 5000,
            253_402_300_800_000,
            10**100,
            [],
            {},
            [1734638812],
        ],
    )
    def test_anything_else_is_no_time(self, value: Any) -> None:
        """Out of range, of another type, or no decimal text."""
        assert sent_time(value) is None

    @given(json_values)
    def test_every_value_has_a_time_in_utc_or_none(self, value: Any) -> None:
        """Total."""
        found = sent_time(value)
        assert found is None or found.tzinfo is UTC

    @given(st.integers(0, 99_999_999_999))
    def test_text_means_the_same_as_the_number(self, seconds: int) -> None:
        """Dashboard tests write their time as text."""
        assert sent_time(str(seconds)) == sent_time(seconds)


class TestPayloadKey:
    """What a messaging item is about."""

    @pytest.mark.parametrize(
        ("item", "kind"),
        [
            ({"sender": {}, "recipient": {}, "timestamp": 1, "message": {}}, "message"),
            ({"message": {}, "sender": {}}, "message"),
            ({"timestamp": {}, "reaction": {}}, "reaction"),
            ({"text": "x", "n": 1, "list": [], "read": {"mid": "m"}, "later": {}}, "read"),
            ({"sender": {}, "recipient": {}}, None),
            ({"message": "text"}, None),
            ({}, None),
            ([], None),
            ("message", None),
            (None, None),
        ],
    )
    def test_the_first_object_besides_the_addressing(self, item: Any, kind: str | None) -> None:
        """Values that are no objects are passed over."""
        assert payload_key(item) == kind


@pytest.mark.parametrize(
    "text",
    ["1_0.changes. 2", "+1.changes.2", "0.other.0", "0.changes", "0.changes.0.0", "٣.flat.0"],
)
def test_only_what_a_position_writes_is_read(text: str) -> None:
    """Any other text is an error, not a position."""
    with pytest.raises(ValueError, match="not a position"):
        Position.parse(text)
