"""One text for each value: identity rests on it."""

import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import (
    REPLACEMENT,
    canonical_json,
    column_json,
    column_text,
    content_hash,
)
from schemas.decoding import decode
from tests.unit.schemas.values import json_values, nested, texts, untimed

LITERAL: list[tuple[Any, bytes]] = [
    (None, b"null"),
    (True, b"true"),
    (False, b"false"),
    (0, b"0"),
    (-7, b"-7"),
    (10**100, b"1" + b"0" * 100),
    (1.0, b"1.0"),
    (-0.0, b"-0.0"),
    (0.1, b"0.1"),
    (1e16, b"1e+16"),
    (1.5e-7, b"1.5e-07"),
    ("", b'""'),
    ("é字😀/", '"é字😀/"'.encode()),
    ('a"b\\c\n\x00\x1f', rb'"a\"b\\c\n\u0000\u001f"'),
    ("\x7f\u2028", '"\x7f\u2028"'.encode()),
    ("\ud83d", rb'"\ud83d"'),
    ("\udfffé\udc00", b'"\\udfff' + "é".encode() + b'\\udc00"'),
    ([], b"[]"),
    ({}, b"{}"),
    ([1, [2, []], {}], b"[1,[2,[]],{}]"),
    ({"b": 1, "a": {"d": None, "c": [True]}}, b'{"a":{"c":[true],"d":null},"b":1}'),
    (
        {"é": 1, "z": 2, "Z": 3, "😀": 4, "\uffff": 5},
        '{"Z":3,"z":2,"é":1,"\uffff":5,"😀":4}'.encode(),
    ),
]


@pytest.mark.parametrize(("value", "text"), LITERAL)
def test_the_canonical_text_of_each_kind_of_value(value: Any, text: bytes) -> None:
    """Sorted keys, no spaces, UTF-8, exact integers, floats as repr, surrogates escaped."""
    assert canonical_json(value) == text


@untimed
@given(json_values)
def test_canonical_text_reads_back(value: Any) -> None:
    """Nothing is lost on the way through the text, and the text is stable."""
    text = canonical_json([value])
    found = decode(text)
    assert repr(found) == repr([_sorted(value)])
    assert canonical_json(found) == text


@untimed
@given(json_values)
def test_canonical_text_is_what_the_standard_library_writes(value: Any) -> None:
    """Apart from surrogates, which it writes raw, the form is json's with sorted keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical_json(value) == text.encode("utf-8", "backslashreplace")


@untimed
@given(json_values, st.randoms(use_true_random=False))
def test_key_order_does_not_matter(value: Any, chance: random.Random) -> None:
    """The same members in another order are the same content."""
    assert content_hash(_shuffled(value, chance)) == content_hash(value)


@untimed
@given(json_values, json_values)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    """1, 1.0, true and "1" are four contents."""
    same = repr(_sorted(one)) == repr(_sorted(other))
    assert (canonical_json(one) == canonical_json(other)) == same


def test_numbers_of_other_types_are_other_contents() -> None:
    """Equal in Python, not in JSON."""
    hashes = {content_hash([value]) for value in (1, 1.0, True, "1", 0, -0.0, 0.0, False, None, "")}
    assert len(hashes) == 10


def test_the_hash_is_sha256_of_the_text() -> None:
    """Lower-case hex, so that anybody can compute it."""
    expected = hashlib.sha256(b'{"id":"1","text":"\xc3\xa9"}').hexdigest()
    assert content_hash({"text": "é", "id": "1"}) == expected


def test_escaped_and_real_surrogates_stay_apart() -> None:
    """A text that spells out an escape is not the character."""
    assert content_hash("\\ud83d") != content_hash("\ud83d")


@pytest.mark.parametrize("depth", [1000, 100_000])
def test_any_nesting_is_written(depth: int) -> None:
    """No recursion limit is met, in either form."""
    expected = b"[" * depth + b"1" + b"]" * depth
    assert canonical_json(nested(depth, 1)) == expected
    assert column_json(nested(depth, 1)).encode() == expected


@given(texts)
def test_column_text_is_storable_and_minimal(text: str) -> None:
    """No NUL, no lone surrogate; each becomes U+FFFD, all else stays."""
    stored = column_text(text)
    assert len(stored) == len(text)
    for was, now in zip(text, stored, strict=True):
        unstorable = was == "\0" or 0xD800 <= ord(was) <= 0xDFFF
        assert now == ("\ufffd" if unstorable else was)
    stored.encode()


@untimed
@given(json_values)
def test_column_json_is_valid_and_storable(value: Any) -> None:
    """jsonb takes it: UTF-8, no \\u0000, no surrogate escape, and it says the same."""
    text = column_json(value)
    text.encode()
    assert "\\u0000" not in text.replace("\\\\", "")
    assert not any(escape.lower() >= "\\ud8" for escape in _escapes(text))
    assert json.loads(text) == _storable(value)


def test_the_replacement_is_the_unicode_one() -> None:
    """U+FFFD."""
    assert ord(REPLACEMENT) == 0xFFFD


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(member) for member in value] if isinstance(value, list) else value


def _shuffled(value: Any, chance: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        chance.shuffle(keys)
        return {key: _shuffled(value[key], chance) for key in keys}
    return [_shuffled(member, chance) for member in value] if isinstance(value, list) else value


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return column_text(value)
    if isinstance(value, dict):
        return {column_text(key): _storable(value[key]) for key in sorted(value)}
    return [_storable(member) for member in value] if isinstance(value, list) else value


def _escapes(text: str) -> list[str]:
    plain = text.replace("\\\\", "")
    return [plain[at : at + 4] for at in range(len(plain)) if plain.startswith("\\u", at)]
