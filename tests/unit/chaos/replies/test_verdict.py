"""A verdict on replies finds what is doubled, skipped or left, and nothing in what is right."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chaos.replies.verdict import Event, Found, Row, Written, judge, judge_day

ACCOUNT = "17841400000000001"

EVENTS = [
    *(Event(f"mentions:{ACCOUNT}:180:{n}", ACCOUNT, str(n), "thanks") for n in range(8)),
    Event(f"mentions:{ACCOUNT}:180:8", ACCOUNT, "8", "tried"),
    Event(f"mentions:{ACCOUNT}:180:9", ACCOUNT, "9", None),
]


def _row(number: int, state: str, reason: str | None = None, **changed: Any) -> Row:
    event = EVENTS[number]
    row = Row(
        f"{event.event_id}#{event.rule}",
        event.event_id,
        event.rule or "thanks",
        ACCOUNT,
        event.target,
        state,
        reason,
        f"177{number}" if state == "sent" else None,
        event.rule == "tried",
        event.target,
    )
    return row._replace(**changed)


def _written(*numbers: int) -> list[Written]:
    return [Written(ACCOUNT, str(number), f"177{number}") for number in numbers]


RIGHT = Found(
    written=_written(0, 1, 3),
    rows=[
        _row(0, "sent"),
        _row(1, "sent"),
        _row(2, "failed", "not_done"),
        _row(3, "unknown", "graph_disconnected"),
        _row(4, "unknown", "sender_died"),
        _row(5, "planned", "hour_limit"),
        _row(8, "planned"),
    ],
    left_alone={EVENTS[6].event_id: "unreadable: not_found", EVENTS[7].event_id: "hidden"},
    listed=[f"{EVENTS[number].event_id}#thanks" for number in (3, 4)],
    excused=[EVENTS[number].event_id for number in (6, 7)],
)


def test_what_is_right_is_found_right() -> None:
    """Each state with the truth that it allows, and every event accounted for."""
    verdict = judge(EVENTS, RIGHT)
    assert verdict.holds, [check for check in verdict.checks if not check.holds]
    assert (verdict.events, verdict.answered, verdict.doubled, verdict.skipped) == (10, 3, 0, 0)
    assert verdict.states == {"failed": 1, "planned": 1, "sent": 2, "unknown": 2}
    assert verdict.reasons["unknown: sender_died"] == 1


def _with_row(number: int, row: Row) -> Found:
    rows = [row if one.event_id == row.event_id else one for one in RIGHT.rows]
    assert rows != RIGHT.rows, number
    return replace(RIGHT, rows=rows)


SPOILT: dict[str, Callable[[], Found]] = {
    "answers beyond the first of an event": lambda: replace(RIGHT, written=_written(0, 1, 3, 3)),
    "answers that no row of the outbox knows": lambda: replace(RIGHT, written=_written(0, 1, 3, 9)),
    "rows beyond the first of an event": lambda: replace(
        RIGHT, rows=[*RIGHT.rows, _row(2, "failed", "not_done", reply_key="another")]
    ),
    "events that rules want, without a row or a reason": lambda: replace(
        RIGHT, rows=[row for row in RIGHT.rows if row.target != "2"]
    ),
    "events said not to be answerable, and Meta never said so": lambda: replace(
        RIGHT,
        excused=RIGHT.excused[:1],  # type: ignore[index]  # a list here
    ),
    "rows of events that no rule wants": lambda: replace(
        RIGHT, rows=[*RIGHT.rows, _row(9, "failed", "not_done")]
    ),
    "rows of another rule than the one that wants it": lambda: _with_row(
        2, _row(2, "failed", "not_done", rule="tried")
    ),
    "sent, and not at Meta once": lambda: replace(RIGHT, written=_written(0, 3)),
    "sent, with another id than Meta's": lambda: _with_row(1, _row(1, "sent", reply_id="1")),
    "sent, with an id that another one has": lambda: _with_row(1, _row(1, "sent", reply_id="1770")),
    "failed or planned, and at Meta": lambda: replace(RIGHT, written=_written(0, 1, 2, 3)),
    "dry runs that are at Meta or were begun": lambda: _with_row(8, _row(8, "failed", "x")),
    "left as being sent": lambda: _with_row(2, _row(2, "sending")),
    "planned, failed or unknown without a reason": lambda: _with_row(5, _row(5, "planned")),
    "unknown, and not listed": lambda: replace(RIGHT, listed=RIGHT.listed[:1]),  # type: ignore[index]  # a list here
    "listed, and not unknown": lambda: replace(RIGHT, listed=[*RIGHT.listed, "another"]),
}


def test_answers_alike_may_have_each_others_ids() -> None:
    """Below one comment nobody can tell them apart; below two of them one can."""
    ids = ("1771", "1770")
    swapped = [_row(n, "sent", reply_id=ids[n], alike="thread") for n in (0, 1)]
    assert judge(EVENTS, replace(RIGHT, rows=[*swapped, *RIGHT.rows[2:]])).holds
    apart = [row._replace(alike=row.target) for row in swapped]
    assert not judge(EVENTS, replace(RIGHT, rows=[*apart, *RIGHT.rows[2:]])).holds


def test_every_check_can_fail() -> None:
    """Each is among those that are spoilt below."""
    assert {check.name for check in judge(EVENTS, RIGHT).checks} == set(SPOILT)


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_spoilt_is_found(name: str) -> None:
    """By the check that is for it."""
    verdict = judge(EVENTS, SPOILT[name]())
    assert name in {check.name for check in verdict.checks if not check.holds}
    assert not verdict.holds


@given(st.lists(st.integers(0, 9), max_size=12))
def test_an_event_is_answered_once_at_most(numbers: list[int]) -> None:
    """However many answers there are, and to what: each beyond the first counts."""
    verdict = judge(EVENTS, replace(RIGHT, written=_written(*numbers)))
    assert verdict.doubled == len(numbers) - len(set(numbers))
    assert verdict.answered == len(set(numbers))
    assert not verdict.doubled or not verdict.holds


PEOPLE = EVENTS[:3]
DAY = Found(
    written=_written(0, 1, 2),
    rows=[_row(0, "sent"), _row(1, "sent"), _row(2, "unknown", "graph_disconnected")],
    listed=[f"{EVENTS[2].event_id}#thanks"],
)


def _day_holds(found: Found, in_quiet_hours: int = 0, most_in_an_hour: int = 2) -> bool:
    return judge_day(PEOPLE, found, 9, in_quiet_hours, most_in_an_hour, 2).holds


def test_a_day_in_which_all_people_are_answered_and_nobody_else() -> None:
    """Within the limits of the rule."""
    verdict = judge_day(PEOPLE, DAY, 9, 0, 2, 2)
    assert verdict.holds, [check for check in verdict.checks if not check.holds]
    assert (verdict.events, verdict.answered, verdict.came_back) == (3, 3, 9)
    assert not _day_holds(DAY, in_quiet_hours=1)
    assert not _day_holds(DAY, most_in_an_hour=3)
    assert not _day_holds(replace(DAY, written=_written(0, 1)))


def test_an_answer_to_an_answer_is_found() -> None:
    """At Meta, or only planned."""
    again = Written(ACCOUNT, "1770", "999")
    row = _row(0, "planned", "quiet_hours", event_id="comments:1:1770", target="1770")
    sent = replace(DAY, written=[*DAY.written, again], rows=[*DAY.rows, row])
    failed = {check.name for check in judge_day(PEOPLE, sent, 9, 0, 2, 2).checks if not check.holds}
    assert {"answers to our own answers", "answers to our own answers in the outbox"} <= failed
    assert not _day_holds(replace(DAY, rows=[*DAY.rows, row]))
