"""Patterns find what they should, and give up in time."""

import time
from contextlib import suppress

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.reply.rules.factories import texts
from workers.reply.rules.pattern import TIME_LIMIT_S, Pattern

HOSTILE = [
    r"(a|aa)+$",
    r"(?:a|a)*b",
    r"(a+)+b",
    r"(.*)*=.*x",
    r"(a|aa)+(?<!a)",
    r"(?=(a|aa)+b)",
    r"(?:(?:a?){40}){40}b",
    r"(\w+\s?)+\d$",
    r"(?e)(?:aaaaaaaaaaaaaaaab){e<=6}",
    r"(a)?(?:\1|a)*b",
    r"(a(?R)?a)+b",
]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\bwin\b", "I WIN!"),
        (r"\bпривет\b", "ПРИВЕТ, brand"),
        (r"straße", "STRASSE"),
        ("caf\u00e9", "cafe\u0301"),
        ("cafe\u0301", "caf\u00e9"),
        (r"^\p{Lu}+$", "ABC"),
        (r"(?s)a.*b", "a\nb"),
        (r"win(?! nothing)", "win all"),
    ],
)
def test_found(pattern: str, text: str) -> None:
    """Whatever the case; letters of one character or two are the same."""
    assert Pattern(pattern).finds(text)


def test_case_can_count() -> None:
    """For a pattern that says so."""
    assert Pattern("(?-i:Win)").finds("Win")
    assert not Pattern("(?-i:Win)").finds("win")


@pytest.mark.parametrize("pattern", HOSTILE)
def test_a_bad_pattern_ends_in_time(pattern: str) -> None:
    """Found out or not."""
    compiled = Pattern(pattern)
    began_s = time.process_time()
    with suppress(TimeoutError):
        compiled.finds("a" * 2_200 + "!")
    assert time.process_time() - began_s < 20 * TIME_LIMIT_S


def test_taking_too_long_is_told() -> None:
    """It is not the same as finding nothing."""
    with pytest.raises(TimeoutError):
        Pattern(r"(a|aa)+$").finds("a" * 2_200 + "!")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("", "is empty"),
        (5, "must be text"),
        ("(a", "missing"),
        (r"\p{Nonsense}", "unknown property"),
        ("x" * 3_000, "longer than"),
        ("(" * 900 + ")" * 900, "too deeply nested"),
        ("(?:a{1000}){1000}", "repeats too much"),
        ("a{99999999999999}", "repeats too much"),
    ],
)
def test_no_pattern(told: object, words: str) -> None:
    """Said in plain words, also where compiling it would take all memory."""
    with pytest.raises(ValueError, match=words):
        Pattern.parse(told)


pieces = st.lists(
    st.sampled_from([*"ab().*+?|[]{}^$\\-:=!<>#&~", "{2}", r"\w", r"\b", r"\1", "(?", "(?P<n>"])
    | st.characters(categories=None),
    max_size=12,
).map("".join)


@given(pieces, texts)
def test_whatever_is_told_is_a_pattern_or_is_not(told: str, text: str) -> None:
    """There is no third way, and none that takes long."""
    try:
        pattern = Pattern.parse(told)
    except ValueError:
        return
    try:
        found = pattern.finds(text)
    except TimeoutError:
        return
    assert isinstance(found, bool)


@given(texts)
def test_a_text_finds_itself(text: str) -> None:
    """Escaped."""
    assert Pattern(regex.escape(text, special_only=True) or ".?").finds(text)
