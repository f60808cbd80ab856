"""The expression in `fields`."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.graph.errors import RefusalError
from simulator.graph.fields import Selection, parse_fields

NAMES = st.from_regex(r"[a-z_][a-z0-9_]{0,8}", fullmatch=True)
ARGUMENTS = st.dictionaries(NAMES, st.from_regex(r"[0-9a-z]{0,6}", fullmatch=True), max_size=2)
LEAVES = st.builds(Selection, NAMES, ARGUMENTS)
SELECTIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        Selection, NAMES, ARGUMENTS, st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=8,
)


def written(selections: tuple[Selection, ...]) -> str:
    """The expression that asks for these."""
    return ",".join(
        one.name
        + "".join(f".{name}({value})" for name, value in one.arguments.items())
        + ("" if one.fields is None else f"{{{written(one.fields)}}}")
        for one in selections
    )


@given(st.lists(SELECTIONS, min_size=1, max_size=4).map(tuple))
def test_an_expression_is_read_as_it_was_written(selections: tuple[Selection, ...]) -> None:
    """Names, arguments and nesting come back."""
    assert parse_fields(written(selections)) == selections


@given(st.text(alphabet="ab_1.,(){} é", max_size=30))
def test_whatever_is_written_is_read_or_refused(text: str) -> None:
    """No other error, and what is read is all of it."""
    with suppress(RefusalError):
        assert written(parse_fields(text)) == text


@pytest.mark.parametrize(
    "expression", [",", "a,", "a{", "a{}", "a}", "a.b", "a.b(", "a(1)", "1", "a b", "a{b}c"]
)
def test_a_broken_expression_is_a_syntax_error(expression: str) -> None:
    """Code 2500, as the platform has it."""
    with pytest.raises(RefusalError, match="Syntax error") as caught:
        parse_fields(expression)
    assert caught.value.code == 2500


def test_nesting_has_an_end() -> None:
    """An expression cannot exhaust the stack."""
    with pytest.raises(RefusalError, match="levels"):
        parse_fields("a{" * 5000)
