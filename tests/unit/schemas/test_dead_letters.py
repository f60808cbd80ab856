"""Dead letters say why, and keep the record whole."""

import re
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letters import (
    EXPLANATIONS,
    UNEXPLAINED,
    DeadLetter,
    Reason,
    Source,
    dead_letter_headers,
    explain,
    fingerprint,
    header_texts,
)

LETTER = DeadLetter(
    "dedupe",
    "not_json",
    "the body is archived as it came",
    Source("instagram.raw.other", 7, 123456789),
    b"key",
    b"\xff{",
    (("delivery-id", b"01920000"), ("signature", b"\xfe")),
    attempt=2,
)
FAILED_AT = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)

names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def test_the_headers_of_a_dead_letter() -> None:
    """Literally: what is told first, then the source record's own headers, untouched."""
    assert dead_letter_headers(LETTER, version="0.1.0", failed_at=FAILED_AT) == [
        ("stage", b"dedupe"),
        ("reason", b"not_json"),
        ("detail", b"the body is archived as it came"),
        ("fingerprint", fingerprint(LETTER).encode()),
        ("source-topic", b"instagram.raw.other"),
        ("source-partition", b"7"),
        ("source-offset", b"123456789"),
        ("attempt", b"2"),
        ("version", b"0.1.0"),
        ("first-failed-at", b"2026-11-22T10:30:00.000000Z"),
        ("original-delivery-id", b"01920000"),
        ("original-signature", b"\xfe"),
    ]


@given(st.lists(st.tuples(names, st.binary()), max_size=4))
def test_original_headers_are_kept_in_order(headers: list[tuple[str, bytes]]) -> None:
    """Repeated names too."""
    letter = LETTER._replace(headers=tuple(headers))
    found = dead_letter_headers(letter, version="1", failed_at=FAILED_AT)[10:]
    assert [(name.removeprefix("original-"), value) for name, value in found] == headers
    assert all(name.startswith("original-") for name, _ in found)


def test_a_fingerprint_is_sixteen_hex_digits() -> None:
    """Short enough to type."""
    assert len(fingerprint(LETTER)) == 16
    assert int(fingerprint(LETTER), 16) >= 0


def test_a_fingerprint_groups_by_cause() -> None:
    """Where the record stood and what it held do not count."""
    same = LETTER._replace(source=Source("x", 0, 0), key=None, value=None, headers=(), attempt=9)
    assert fingerprint(same) == fingerprint(LETTER)


def test_another_cause_has_another_fingerprint() -> None:
    """Each of the three counts, and none runs into the next."""
    others = [
        LETTER._replace(stage="x"),
        LETTER._replace(reason="x"),
        LETTER._replace(detail="x"),
    ]
    assert len({fingerprint(letter) for letter in (LETTER, *others)}) == 4
    one = LETTER._replace(stage="ab", reason="c")
    assert fingerprint(one) != fingerprint(LETTER._replace(stage="a", reason="bc"))


@given(st.lists(st.tuples(names, st.binary()), max_size=4))
def test_header_texts_are_storable(headers: list[tuple[str, bytes]]) -> None:
    """Whatever the bytes: UTF-8 without NUL, the last of a name."""
    texts = header_texts(headers)
    for name, text in texts.items():
        assert "\0" not in name + text
        (name + text).encode()
    for name, value in dict(headers).items():
        if name.isalnum() and value.isalnum():
            assert texts[name] == value.decode()


def test_bytes_that_are_no_text_are_replaced() -> None:
    """As U+FFFD, and NUL with them."""
    assert header_texts([("a", b"x\xff\0"), ("b\0", b"\xc3\xa9")]) == {
        "a": "x\ufffd\ufffd",
        "b\ufffd": "é",
    }


def test_every_reason_is_explained() -> None:
    """And so is what PostgreSQL refuses for good; an unknown one is told as such."""
    for reason in (*Reason, "sqlstate_22021", "sqlstate_23514", "sqlstate_54000"):
        found = explain(reason)
        assert found != UNEXPLAINED
        assert found.means.endswith(".")
        assert found.repair.endswith(".")
    for reason in ("", "sqlstate_", "sqlstate_42P01", "what else"):
        assert explain(reason) == UNEXPLAINED


REASON = re.compile(
    r'(?:RejectError|UnreadableError)\(\s*"(\w+)"|dead_letter\([^()]*, "(\w+)",', re.ASCII
)


def test_every_reason_in_the_code_is_one_of_the_list() -> None:
    """What the packages raise, looked up in their text."""
    root = Path(__file__).parents[3]
    sources = [
        path.read_text("utf-8")
        for package in ("runtime", "schemas", "workers")
        for path in (root / package).rglob("*.py")
    ]
    given_up = {one or other for text in sources for one, other in REASON.findall(text)}
    assert given_up == set(Reason)


def test_the_page_tells_every_reason() -> None:
    """docs/dead-letters.md has the words of the list."""
    page = (Path(__file__).parents[3] / "docs/dead-letters.md").read_text("utf-8")
    for reason, (means, repair) in EXPLANATIONS.items():
        assert f"| `{reason}" in page
        assert f"| {means} | {repair} |" in page
