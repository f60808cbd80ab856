"""What `replies rules check` says of rules, and of events."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hookline.replies.rules_check import Finding, ask, explain
from hookline.replies.rules_page import NEVER, OUTCOMES, document, show
from hookline.replies.rules_samples import (
    ACCOUNT,
    Earlier,
    Sample,
    SampleError,
    invented,
    written,
)
from tests.unit.workers.reply.rules.factories import facts, rule
from workers.reply.facts import Facts
from workers.reply.rules.rule import Rule

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)


def _asked(rules: list[Rule], *samples: Sample) -> list[Finding]:
    return ask(rules, samples or invented(rules, NOW, None))


def _notes(*rules: Rule) -> list[str]:
    return [
        note
        for one in explain(rules, _asked(list(rules)), NOW)
        for note in one.notes
        if one.rule is rules[-1]
    ]


def test_each_rule_answers_what_was_invented_for_it() -> None:
    """Of its account, its kind, with its word, after its start."""
    rules = [
        rule("a", on=["caption_mention"], words=["x y"], accounts=["5"]),
        rule("b", words=["👍"], start=NOW + timedelta(days=1)),
        rule("c", on=["comment"]),
    ]
    found = {one.sample.about: one.decision for one in _asked(rules) if one.sample.about}
    assert {about: made and made.rule for about, made in found.items()} == {
        "a": "a",
        "b": "b",
        "c": "c",
    }


def test_why_the_others_do_not() -> None:
    """In the order of the file; what comes too late says so."""
    rules = [rule("a", words=["x"]), rule("b"), rule("c"), rule("d", on=["caption_mention"])]
    [found] = _asked(rules, Sample("one", facts("hi")))
    assert found.decision is not None
    assert found.decision.rule == "b"
    assert found.outcomes == [
        ("a", "no_match"),
        ("b", "answers"),
        ("c", "earlier_rule"),
        ("d", "other_kind"),
    ]


def test_what_is_never_answered_asks_nobody() -> None:
    """The reason is told instead."""
    [found] = _asked([rule()], Sample("one", "hidden"))
    assert found == Finding(Sample("one", "hidden"), None, [])


@pytest.mark.parametrize(
    ("rules", "note"),
    [
        ([rule(words=["x"], answers=["Hi {username}"])], "whose name"),
        ([rule(pattern="@brand")], "@"),
        ([rule(pattern="x*")], "every text"),
        ([rule()], "without a limit"),
        ([rule("first"), rule(words=["x"])], "first stands above it"),
    ],
)
def test_what_somebody_may_not_have_meant(rules: list[Rule], note: str) -> None:
    """Is a note."""
    assert any(note in one for one in _notes(*rules))


def test_nothing_to_note() -> None:
    """About a rule that says what it means."""
    assert not _notes(rule(words=["x"], answers=["Hi {username}", "Hi"]))
    assert not _notes(rule(max_per_hour=5))
    assert not _notes(rule(on=["comment"], pattern="@x", answers=["Hi {username}"]))


def test_quiet_hours_now() -> None:
    """Until when is told."""
    [one] = explain([rule(quiet_hours="11:00-13:00")], [], NOW)
    assert one.quiet_until == NOW + timedelta(hours=1)
    [one] = explain([rule(quiet_hours="13:00-14:00")], [], NOW)
    assert one.quiet_until is None


def test_a_text_in_a_line() -> None:
    """Is asked about as each kind that rules answer."""
    rules = [rule(on=["comment", "comment_mention"], accounts=["5"])]
    found = [one.facts for one in written("Hello\n\n  there", rules, NOW, None)]
    assert [(one.kind, one.text, one.account_id) for one in found if isinstance(one, Facts)] == [
        ("comment_mention", "Hello", "5"),
        ("comment", "Hello", "5"),
        ("comment_mention", "there", "5"),
        ("comment", "there", "5"),
    ]


def test_a_line_of_json_tells_more() -> None:
    """What it does not tell is not known."""
    line = '{"on": "caption_mention", "username": "ann", "account": "7", "at": "2026-01-01T00:00Z"}'
    [told, empty] = [one.facts for one in written(f"{line}\n{{}}", [], NOW, None)]
    assert isinstance(told, Facts)
    assert (told.kind, told.text, told.username) == ("caption_mention", None, "ann")
    assert (told.account_id, told.at) == ("7", datetime(2026, 1, 1, tzinfo=UTC))
    assert isinstance(empty, Facts)
    assert (empty.kind, empty.text, empty.account_id, empty.at) == ("comment", None, ACCOUNT, NOW)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 2 is no JSON"),
        ('{"on": "like"}', "line 2: on"),
        ('{"txt": "x"}', "line 2: txt"),
        ('{"at": "2026-01-01T00:00"}', "line 2: at"),
        ('{"a":' + "[" * 99_999, "line 2"),
    ],
)
def test_no_sample(line: str, words: str) -> None:
    """Which line, and why."""
    with pytest.raises(SampleError, match=words):
        list(written(f"fine\n{line}", [], NOW, None))


@given(st.text(max_size=60))
def test_any_text_is_samples_or_is_not(text: str) -> None:
    """There is no third way."""
    try:
        samples = list(written(text, [rule()], NOW, None))
    except SampleError:
        return
    assert all(one.decision is not None for one in ask([rule()], samples))


def test_it_can_be_read(capsys: pytest.CaptureFixture[str]) -> None:
    """By a person, and by a machine. Nothing that a terminal obeys is printed."""
    rules = [
        rule("slow", pattern="(a|aa)+$", start=NOW, max_per_hour=1_000, max_per_person=2),
        rule("x", words=["x"], accounts=["5"], quiet_hours="11:00-13:00", dry_run=True),
        rule("all", on=["comment"], answers=["a", "b {username}"]),
    ]
    samples = [
        Sample("evil", facts("\x1b[2Jhello", "{\n}"), earlier=(Earlier("x", "sent"),)),
        *(Sample("never", reason) for reason in NEVER),  # type: ignore[arg-type]  # its keys
    ]
    findings = [*_asked(rules, *samples), *_asked(rules)]
    explained = explain(rules, findings, NOW)
    show(explained, findings)
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    for words in ("a dry run", "1,000 an hour", "now, until 2026-11-28 13:00:00Z", "in the outbox"):
        assert words in shown
    told = document("rules.toml", [], explained, findings)
    assert told["ok"]
    assert [one["name"] for one in told["rules"]] == ["slow", "x", "all"]
    assert told["samples"][0]["rule"] == "all"
    assert told["samples"][1]["never"] == next(iter(NEVER))


@given(st.lists(st.sampled_from([{}, {"words": ["x"]}, {"pattern": "y"}, {"dry_run": True}])))
def test_whatever_becomes_of_a_sample_has_words(given_: list[dict[str, object]]) -> None:
    """No outcome is without them, and at most one rule answers."""
    rules = [rule(f"r{number}", **one) for number, one in enumerate(given_)]
    for _, decision, outcomes in _asked(rules):
        assert {outcome for _, outcome in outcomes} <= OUTCOMES.keys()
        answering = [name for name, outcome in outcomes if outcome == "answers"]
        assert answering == ([] if decision is None else [decision.rule])
