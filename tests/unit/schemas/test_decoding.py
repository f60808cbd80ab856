"""Bytes become values, exactly, or one error that quotes nothing."""

import json
import math

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from schemas.decoding import UnreadableError, decode, decode_roughly
from tests.unit.schemas.values import any_bytes, json_values, untimed


@untimed
@given(any_bytes)
@example(b"")
@example(b"\xff\xfe")
@example(b"[" * 100_000)
@example(b"9" * 5000)
def test_any_bytes_decode_or_name_a_reason(data: bytes) -> None:
    """No other error than ours comes out, with one of two slugs and nothing else to say."""
    for read in (decode, decode_roughly):
        refusal = UnreadableError("not_json")
        try:
            read(data)
        except UnreadableError as error:
            refusal = error
        assert refusal.reason in {"not_json", "too_deep"}
        assert str(refusal) == refusal.reason


@untimed
@given(json_values)
def test_what_json_writes_is_read_exactly(value: object) -> None:
    """The standard library's text of a value gives that value, types included."""
    found = decode(json.dumps([value]).encode())
    assert found == [value]
    assert repr(found) == repr([value])


@untimed
@given(any_bytes)
def test_both_parsers_agree(data: bytes) -> None:
    """Where orjson reads a body too, the value is the standard parser's, whichever was asked."""
    listed = b"[" + data + b"]"
    try:
        fast = orjson.loads(listed)
    except orjson.JSONDecodeError:
        return
    assert json.dumps(decode(listed)) == json.dumps(json.loads(listed))
    assert decode_roughly(listed) == fast


@pytest.mark.parametrize("digits", [19, 20, 21, 100, 308, 309, 4000])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("layout", ["[%s]", "[1, %s]", '{"a":%s}', '{"a": %s, "b":1}', "[0,%s]"])
def test_long_integers_keep_every_digit(digits: int, sign: str, layout: str) -> None:
    """Beyond 64 bits, wherever in a body they stand."""
    number = f"{sign}{'9' * digits}"
    assert number in json.dumps(decode((layout % number).encode()))


def test_the_edges_of_64_bits_are_exact() -> None:
    """The last integers that orjson reads, and the first that it does not."""
    edges = [2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**64 + 1, -(2**63), -(2**63) - 1]
    assert decode(json.dumps(edges).encode()) == edges


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", '{"a": NaN}', "[1, Infinity]"])
def test_nan_and_infinity_are_not_json(text: str) -> None:
    """Python's parser would read them; the platform's format has none."""
    with pytest.raises(UnreadableError, match=r"^not_json$"):
        decode(text.encode())


def test_lone_surrogates_are_read() -> None:
    """orjson refuses them, yet Meta can send half an emoji."""
    assert decode(rb'["\ud83d", "\udc00x", "\ud83d\ude00"]') == ["\ud83d", "\udc00x", "😀"]


def test_the_last_of_duplicate_keys_counts() -> None:
    """In both parsers: the surrogate forces the standard one."""
    assert decode(b'{"a": 1, "a": 2}') == {"a": 2}
    assert decode(rb'{"a": 1, "a": 2, "s": "\ud800"}') == {"a": 2, "s": "\ud800"}


@pytest.mark.parametrize("depth", [1, 100, 500])
def test_usual_nesting_is_read_by_either_parser(depth: int) -> None:
    """With and without what only the standard parser reads."""
    for inside in (b"1", rb'"\ud800"', b"9" * 40):
        value = decode(b"[" * depth + inside + b"]" * depth)
        for _ in range(depth):
            (value,) = value
        assert json.dumps(value).encode() == inside


def test_nesting_without_end_is_too_deep() -> None:
    """Well formed, but no parser can hold it."""
    with pytest.raises(UnreadableError) as caught:
        decode(b"[" * 100_000 + b"]" * 100_000)
    assert caught.value.reason == "too_deep"


@pytest.mark.parametrize("data", [b"", b"{", b'{"a":}', b"nul", b"\xff", b"[1,]", b"{}x"])
def test_broken_text_is_not_json(data: bytes) -> None:
    """Whatever is wrong, the slug is the same."""
    with pytest.raises(UnreadableError) as caught:
        decode(data)
    assert caught.value.reason == "not_json"


def test_an_integer_that_python_refuses_is_unreadable() -> None:
    """More than 4300 digits cost quadratic time: nobody reads them."""
    with pytest.raises(UnreadableError, match=r"^not_json$"):
        decode(b"[" + b"7" * 4301 + b"]")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_are_the_nearest_double(number: float) -> None:
    """Both parsers round alike, zero keeps its sign."""
    found = decode(f"[{number!r}]".encode())[0]
    assert found == number
    assert math.copysign(1, found) == math.copysign(1, number)


@pytest.mark.parametrize("number", [b"1e400", b"-1e999", b"[1.8e308]"])
def test_numbers_beyond_float_range_are_refused(number: bytes) -> None:
    """Python would make infinity of them, which no JSON can carry on."""
    with pytest.raises(UnreadableError, match="not_json"):
        decode(number)


def test_a_long_integer_is_exact_wherever_it_stands() -> None:
    """At the start of a body as well, no digit is lost."""
    assert decode(b"99999999999999999999") == 99999999999999999999


@pytest.mark.parametrize("filling", [b"1", b"18446744073709551617", b'"\\ud800"'])
def test_the_depth_limit_is_the_same_for_every_reader(filling: bytes) -> None:
    """Whichever parser reads a body, 800 levels pass and 801 do not."""
    for levels, readable in ((800, True), (801, False), (1010, False), (5000, False)):
        body = b"[" * levels + filling + b"]" * levels
        for read in (decode, decode_roughly):
            if readable:
                read(body)
            else:
                with pytest.raises(UnreadableError, match="too_deep"):
                    read(body)


def test_surrogates_sent_side_by_side_are_one_character() -> None:
    """What transport would join is joined at once, so that hash and value belong together."""
    assert decode(b'"\xed\xa0\xbd\xed\xb8\x80"') == "\U0001f600"
