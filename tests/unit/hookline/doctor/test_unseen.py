"""What could not be looked at is never green, and hides nothing else."""

from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.doctor.catalogue import CHECKS, NOT_WANTED, examined, nothing_was_seen, parts_of
from hookline.doctor.checks.asking import CHECKS as QUESTIONS
from hookline.doctor.facts import PARTS, Facts, Part, Reply
from hookline.doctor.finding import Finding, Unseen
from tests.unit.hookline.doctor.healthy import (
    facts,
    with_account,
    with_app,
    with_callback,
    with_graph,
)

ROOTS: Final[dict[str, str]] = {
    "callback": "callback",
    "ingest": "ingest",
    "graph": "graph",
    "apps": "graph",
    "accounts": "database",
    "kafka": "kafka",
    "groups": "kafka",
    "database": "database",
    "stages": "database",
    "deliveries": "database",
    "disks": "disk",
}
"""What each part is blamed on when nobody answers."""

ENOUGH: Final = {"workers": {"groups"}, "graph_version": {"graph"}}
"""What these cannot do without; the other parts only tell them more."""

OF_CALLBACK: Final = ("certificate", "handshake", "wrong_token", "forged", "large")
OF_ACCOUNT: Final = ("opened", "token", "granted", "link", "page")


def away(parts: set[str]) -> Facts:
    """Nobody could look at these."""
    return facts(**{part: Unseen("no answer", ROOTS[part]) for part in parts})


def by_check(found: list[Finding]) -> dict[str, list[Finding]]:
    """What each check found."""
    return {slug: [one for one in found if one.check == slug] for slug in CHECKS}


@given(st.sets(st.sampled_from(sorted(ROOTS))))
def test_whatever_is_away_nothing_that_needs_it_is_green(parts: set[str]) -> None:
    """Any set of parts: what needs none of them is told as ever."""
    found, healthy = by_check(examined(away(parts))), by_check(examined(facts()))
    questions = {check.slug for check in QUESTIONS}
    for slug, check in CHECKS.items():
        states = {one.state for one in found[slug]}
        if slug in questions:
            assert states == {"ask"}, slug
        elif parts.isdisjoint(check.parts):
            assert found[slug] == healthy[slug]
        elif not parts.isdisjoint(ENOUGH.get(slug, check.parts)):
            assert states <= {"red", "unknown"}, slug
            assert states


@given(st.sets(st.sampled_from(sorted(ROOTS)), min_size=1))
def test_what_is_unknown_names_what_is_red(parts: set[str]) -> None:
    """Nobody is sent to look at what is green: what is blamed is red, if it was looked at too."""
    parts |= {ROOTS[part] for part in parts} & set(ROOTS)
    found = examined(away(parts))
    red = {one.check for one in found if one.state == "red"}
    for one in found:
        if one.state == "unknown":
            assert one.repair.removeprefix("First see to ").removesuffix(".") in red


@pytest.mark.parametrize("part", OF_CALLBACK)
def test_a_part_of_the_callback(part: str) -> None:
    """Each request can fail by itself."""
    made = with_callback(**{part: Unseen("no answer", "callback")})
    states = [one.state for one in examined(made) if one.group == "callback"]
    assert states.count("green") == 5
    assert len(states) == 6


@pytest.mark.parametrize("part", OF_ACCOUNT)
def test_a_part_of_an_account(part: str) -> None:
    """So can each call; the other account stays as it is."""
    made = with_account(**{part: Unseen("no answer", "graph")})
    before = [one for one in examined(facts()) if one.state == "green"]
    after = [one for one in examined(made) if one.state == "green"]
    assert 1 <= len(before) - len(after) <= 4
    assert {one.state for one in examined(made)} == {"green", "ask", "unknown"}


def test_other_parts() -> None:
    """A secret that could not be tried, a subscription, a clock."""
    unseen = Unseen("no answer", "graph")
    for made in (
        with_app(secrets=(unseen,)),
        with_app(subscription=unseen, plan=None),
        with_graph(clock=unseen),
        facts(disks=(Unseen("no such folder", "disk", "Make it."),)),
    ):
        assert {"unknown", "red"} & {one.state for one in examined(made)}


@given(
    st.builds(
        Reply,
        st.integers(100, 599),
        st.sampled_from(["", "text/plain", "text/html", "application/json"]),
        st.booleans(),
        st.none() | st.sampled_from(["handshake_token", "signature_mismatch", "not_found", "x"]),
        st.none() | st.just("www.example.com/"),
    )
)
def test_any_answer_of_the_callback(reply: Reply) -> None:
    """Green is the one answer that ingest gives, and each other one is red with a way out."""
    right = {
        "handshake": reply.status == 200 and reply.echoes and reply.content_type != "text/html",
        "wrong_token": reply.status == 403,
        "forged": reply.status == 401 and reply.reason == "signature_mismatch",
        "large": reply.status == 401,
    }
    checks = {
        "handshake": "callback",
        "wrong_token": "callback_wrong_token",
        "forged": "callback_signature",
        "large": "callback_size",
    }
    for part, is_right in right.items():
        [one] = by_check(examined(with_callback(**{part: reply})))[checks[part]]
        assert (one.state == "green") is is_right
        assert is_right or (one.state == "red" and one.consequence and one.repair)


def test_only_what_was_asked_for() -> None:
    """The parts follow from the checks; the rest is not looked at, and not told."""
    assert parts_of(["callback"]) == {"callback"}
    assert parts_of(CHECKS) == set(PARTS)
    found = examined(facts(callback=NOT_WANTED), ["kafka"])
    assert {one.check for one in found} == {"kafka"}


SEEN: Final[tuple[Part, ...]] = ("callback", "ingest", "graph", "kafka", "groups", "database")


@given(st.sets(st.sampled_from(SEEN)), st.sets(st.sampled_from(SEEN)))
def test_nothing_at_all(unseen: set[Part], unwanted: set[Part]) -> None:
    """3 is for when no look had any success, and not for settings that are missing."""
    parts: dict[str, Any] = dict.fromkeys(unseen, Unseen("no answer", "kafka"))
    parts |= dict.fromkeys(unwanted, NOT_WANTED)
    tried = set(SEEN) - unwanted
    assert nothing_was_seen(facts(**parts)) is bool(tried and tried <= unseen)
    unset = dict.fromkeys(SEEN, Unseen("HOOKLINE_KAFKA_BOOTSTRAP: missing", "settings"))
    assert not nothing_was_seen(facts(**unset))


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)))  # noqa: DTZ001
def test_any_moment(now: datetime) -> None:
    """A clock that is far off makes findings, and no error."""
    made = replace(facts(), now=now.replace(tzinfo=facts().now.tzinfo))
    assert len(examined(made)) >= len(CHECKS)
