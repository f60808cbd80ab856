"""Findings on the page and in JSON; the handbook."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hookline.cli.options import json_text
from hookline.doctor import handbook, page
from hookline.doctor.catalogue import CHECKS, examined
from hookline.doctor.finding import FIXES, STATES, Finding
from hookline.doctor.repair import plan
from tests.unit.hookline.doctor.healthy import NOW, facts, with_account, with_database
from tests.unit.hookline.doctor.test_checks import CASES

DOCS = Path(__file__).parents[4] / "docs"

FINDINGS = st.lists(
    st.builds(
        Finding,
        st.sampled_from(sorted(CHECKS)),
        st.just("group"),
        st.text(max_size=5),
        st.sampled_from(STATES),
        st.text(max_size=5),
        st.just("consequence"),
        st.just("repair"),
        st.none() | st.sampled_from(FIXES),
    ),
    max_size=12,
)


@given(FINDINGS)
def test_the_worst_comes_first_and_nothing_is_left_out(findings: list[Finding]) -> None:
    """The document has all; its state is that of the worst."""
    told = json.loads(json_text(page.document(findings, NOW, dry_run=False)))
    assert [one["state"] for one in told["findings"]] == [one.state for one in findings]
    assert sum(told["counts"].values()) == len(findings)
    order = {state: number for number, state in enumerate(STATES)}
    worst = min((one.state for one in findings), key=order.__getitem__, default="green")
    assert told["state"] == worst
    assert [one["fixable"] for one in told["findings"]] == [one.fix is not None for one in findings]


@given(FINDINGS)
def test_same_findings_are_told_together(findings: list[Finding]) -> None:
    """Each is in one group, with those that differ in their subject alone."""
    found = page.together(findings)
    assert Counter(one for same in found for one in same) == Counter(findings)
    for same in found:
        unknown = same[0].state == "unknown"
        blank: dict[str, Any] = {"subject": "", "fix": None} | ({"check": ""} if unknown else {})
        assert len({one._replace(**blank) for one in same}) == 1


@given(FINDINGS)
def test_the_plan_has_each_verb_once_in_order(findings: list[Finding]) -> None:
    """Migrations first: the audit of the others is in what they make."""
    found = plan(findings)
    assert list(found) == [one for one in FIXES if any(finding.fix == one for finding in findings)]
    assert sum(map(len, found.values())) == sum(one.fix is not None for one in findings)


@pytest.mark.parametrize("case", [None, *CASES], ids=lambda case: case.name if case else "healthy")
def test_it_fits_eighty_columns(
    case: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal; what is red stands at the top, with what to do."""
    made = getattr(case, "facts", facts())
    console = Console(highlight=False, width=80)
    monkeypatch.setattr(page, "page", lambda: console)
    page.show(examined(made))
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0] in {"Broken", "Will break, or has done harm", page._TITLES["ask"]}
    if case is not None:
        assert any(line.strip().startswith("Do: ") for line in lines)


def test_many_accounts_take_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first ones are named, the others counted."""
    finding = next(one for one in examined(with_account(opened=False)) if one.check == "vault")
    findings = [finding._replace(subject=str(number)) for number in range(10)]
    monkeypatch.setattr(page, "page", lambda: Console(width=80))
    page.show(findings)
    out = capsys.readouterr().out
    assert "0, 1, 2 and 7 more" in out
    assert out.count("accounts connect") == 1


def test_what_would_be_done_is_shown_with_why() -> None:
    """Or that there is nothing."""
    lines = page.show_plan(plan(examined(with_database(revision="0001"))), dry_run=True)
    assert lines[:2] == ["Would be run:", "  hookline migrate"]
    assert "revision" in lines[2]
    assert page.show_plan({}, dry_run=False) == ["Nothing of it can be repaired at once."]


def test_the_handbook_is_current() -> None:
    """`make docs` brings it up to date."""
    assert (DOCS / "doctor.md").read_text("utf-8") == handbook.render()


def test_the_handbook_has_every_check() -> None:
    """With what it looks at, what red means and the repair."""
    rows = [line for line in handbook.render().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(CHECKS)
    assert all(row.count(" | ") == 3 for row in rows)
    for check in CHECKS.values():
        assert check.looks_at
        assert check.red_means
        assert check.repair


def test_troubleshooting_names_only_checks_that_there_are() -> None:
    """Whoever comes by symptom is led to a check by its name."""
    text = (DOCS / "troubleshooting.md").read_text("utf-8")
    named = set(re.findall("--only ([a-z_]+)", text))
    assert named
    assert named <= set(CHECKS)
