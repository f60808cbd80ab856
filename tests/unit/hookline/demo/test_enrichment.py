"""Whether the rows say what the simulated Graph API answered."""

from typing import Final

from hypothesis import given
from hypothesis import strategies as st

from hookline.demo.enrichment import Enrichment, Row
from simulator.graph.calls import Purpose
from simulator.graph.errors import RefusalError, missing
from simulator.graph.statistics import Statistics

REFUSED: Final = missing("17900000000000001")

OUTCOMES: Final = st.dictionaries(st.sampled_from("abcdef"), st.booleans())
"""Objects, and whether they were answered."""


def asked(outcomes: dict[str, bool]) -> Statistics:
    """One call for each object."""
    statistics = Statistics()
    for object_id, answered in outcomes.items():
        result: dict[str, str] | RefusalError = {"id": object_id} if answered else REFUSED
        statistics.count(Purpose("comment", object_id), result, 0.0)
    return statistics


def row(object_id: str, *, told: bool) -> Row:
    """As persist leaves it."""
    if told:
        return Row("comments", object_id, "done")
    return Row("comments", object_id, "pending", "not_found_or_no_permission")


@given(OUTCOMES)
def test_rows_as_they_were_answered_have_no_problem(outcomes: dict[str, bool]) -> None:
    """Those that were refused say so."""
    rows = [row(one, told=answered) for one, answered in outcomes.items()]
    enrichment = Enrichment(rows, asked(outcomes))
    assert not enrichment.problems()
    assert enrichment.asked_again() == 0
    assert enrichment.count("comments", "done") == sum(outcomes.values())
    assert enrichment.reasons().total() == len(outcomes) - sum(outcomes.values())


@given(OUTCOMES, st.sampled_from("abcdef"))
def test_an_answer_that_is_in_no_row_is_told(outcomes: dict[str, bool], lost: str) -> None:
    """Also when its row says that it was refused."""
    outcomes = {**outcomes, lost: True}
    rows = [row(one, told=answered and one != lost) for one, answered in outcomes.items()]
    assert Enrichment(rows, asked(outcomes)).problems() == [
        "answers of the Graph API that are in no row: 1"
    ]


@given(OUTCOMES, st.sampled_from("abcdef"), st.sampled_from([None, "account_parked"]))
def test_a_row_that_nobody_asked_about_is_told(
    outcomes: dict[str, bool], silent: str, reason: str | None
) -> None:
    """Whatever it says that it waits for."""
    outcomes = {one: answered for one, answered in outcomes.items() if one != silent}
    rows = [row(one, told=answered) for one, answered in outcomes.items()]
    rows.append(Row("comments", silent, "pending", reason))
    assert Enrichment(rows, asked(outcomes)).problems() == [
        "comments that still wait for the Graph API: 1"
    ]


def test_what_was_asked_for_twice_is_counted() -> None:
    """Each object once, however often it was."""
    statistics = asked({"a": True, "b": True, "c": True})
    for again in "aab":
        statistics.count(Purpose("comment", again), {}, 1.0)
    assert Enrichment([], statistics).asked_again() == 2
