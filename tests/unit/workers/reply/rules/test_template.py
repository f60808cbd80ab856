"""Answers have a place for a name, and for nothing that people write."""

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.workers.reply.rules.factories import texts
from workers.reply.reply import MAX_CHARACTERS
from workers.reply.rules.template import Place, Template, usable_name

NAMES: Final = {Place.USERNAME: "ann", Place.ACCOUNT: "brand"}


def test_a_name_in_its_places() -> None:
    """Braces that are written twice are braces."""
    made = Template.parse("{username}, {{you}} win, {username}!")
    assert made.places == {Place.USERNAME}
    assert made.fill(NAMES) == "ann, {you} win, ann!"
    assert not Template.parse("{{username}}").places
    both = Template.parse("{username}, {account} says hello")
    assert both.places == {Place.USERNAME, Place.ACCOUNT}
    assert both.fill(NAMES) == "ann, brand says hello"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (5, "must be text"),
        ("", "says nothing"),
        (" \n", "says nothing"),
        ("{username}", "says nothing"),
        ("{account} {username}", "says nothing"),
        ("{text}", "field"),
        ("{}", "field"),
        ("{0}", "field"),
        ("{username.__class__}", "field"),
        ("{username[0]}", "field"),
        ("{username!r}", "field"),
        ("{username:>9}", "field"),
        ("{", "lone brace"),
        ("}", "lone brace"),
        ("x" * (MAX_CHARACTERS + 1), "longer than"),
        ("x" * (MAX_CHARACTERS - 29) + "{username}", "longer than"),
    ],
)
def test_no_answer(told: object, words: str) -> None:
    """Said in plain words."""
    with pytest.raises(ValueError, match=words):
        Template.parse(told)


@given(texts)
def test_a_name_is_no_template(name: str) -> None:
    """Whatever somebody is called, it is put in as it is, or not at all."""
    told = Template.parse("Hi {username}!")
    assert told.fill({Place.USERNAME: name}) == f"Hi {name}!"
    usable = usable_name(name)
    assert usable is None or (usable == name and not set("{}@#/: \n") & set(name))


@given(st.from_regex(r"\A[A-Za-z0-9._]{1,30}\Z"))
def test_every_name_of_instagram_is_usable(name: str) -> None:
    """None is left out."""
    assert usable_name(name) == name


@given(texts)
def test_whatever_is_told_is_a_template_or_is_not(told: str) -> None:
    """There is no third way."""
    try:
        made = Template.parse(told)
    except ValueError:
        return
    assert made.fill(NAMES).strip()
