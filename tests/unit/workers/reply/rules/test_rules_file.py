"""What stands in a rules file, or every reason why it cannot be used."""

import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.reply.rules.rule import Rule
from workers.reply.rules.rules_file import Problem, RulesError, read_rules

ROOT = Path(__file__).parents[5]

EVERYTHING = b"""
[[rule]]
name = "challenge"                     # unique, part of the reply key
on = ["comment_mention", "caption_mention"]
accounts = ["17841405726653026"]
words = ["challenge"]
answers = ["Challenge accepted, {username}!", '''
Accepted!''']
start = 2026-11-22T00:00:00Z
max_per_hour = 60
max_per_person = 2
max_age_hours = 6
quiet_hours = "22:00-07:00"
time_zone = "Europe/Berlin"
dry_run = false

[["rule"]]  # the next
name = "prices"
on = ["comment"]
pattern = '\\bprice\\b'
answers = ["We have sent you a message."]
dry_run = true
"""

WRONG = b"""\xef\xbb\xbfversion = 1

[[rule]]
name = "manual"
on = ["mention"]
words = []
answers = ["Hi {text}", "Hi", 5]
start = 2026-11-22
max_per_hour = 0
maxperson = 3
quiet_hours = "22-7"
time_zone = "Berlin"
pattern = "(a"

[[rule]]
name = "a b"
on = []
words = ["hello", "@"]
pattern = "x"
answers = ["{"]
max_age_hours = 0
accounts = ["x", 17841405726653026]
dry_run = 1

[[rule]]
name = "same"
on = ["comment"]
answers = "no list"
start = 2026-11-22T00:00:00

[[rule]]
name = "Same"
on = ["comment"]
answers = ["Hi"]
"""

PROBLEMS = """
version is nothing that a rules file has; a rule begins with [[rule]]
line 4, rule "manual": name must be another one: manual is what answers by hand are called
line 5, rule "manual": on, number 1: must be one of 'comment_mention', 'caption_mention' or \
'comment'
line 6, rule "manual": words is empty; leave it out to mean all
line 7, rule "manual": answers, number 1: has another field than {account} and {username}
line 7, rule "manual": answers, number 3: must be text
line 8, rule "manual": start must be a time such as 2026-11-22T00:00:00Z, without quotes
line 9, rule "manual": max_per_hour must be 1 or more; to send nothing, write dry_run = true
line 10, rule "manual": maxperson is no field of a rule; do you mean max_per_person?
line 11, rule "manual": quiet_hours must be two times of the day, such as "22:00-07:00"
line 12, rule "manual": time_zone is no time zone that is known here; "Europe/Berlin" is one
line 13, rule "manual": pattern is no regular expression: missing ) at position 2
line 16, rule "a b": name must be of letters, digits and _ . - and not longer than 64
line 17, rule "a b": on is empty
line 18, rule "a b": words, number 2: has nothing in it to look for
line 20, rule "a b": answers, number 1: has a lone brace: write {{ or }} for a brace itself
line 21, rule "a b": max_age_hours must be more than 0.0
line 22, rule "a b": accounts, number 1: must be the id of an Instagram account, such as \
17841405726653026
line 23, rule "a b": dry_run must be true or false
line 28, rule "same": answers must be a list, in brackets
line 29, rule "same": start must say how far from UTC, as 2026-11-22T00:00:00Z or …+01:00 do
line 32, rule "Same": name is the name of an earlier rule
"""


def test_every_field() -> None:
    """As design and docs have them."""
    first, second = read_rules(EVERYTHING)
    assert first.name == "challenge"
    assert first.on == ["comment_mention", "caption_mention"]
    assert first.accounts == ["17841405726653026"]
    assert [word.told for word in first.words or ()] == ["challenge"]
    assert [one.told for one in first.answers] == ["Challenge accepted, {username}!", "Accepted!"]
    assert first.start == datetime(2026, 11, 22, tzinfo=UTC)
    assert (first.max_per_hour, first.max_per_person, first.max_age_hours) == (60, 2, 6)
    assert str(first.quiet_hours) == "22:00-07:00"
    assert first.time_zone == ZoneInfo("Europe/Berlin")
    assert not first.dry_run
    assert second.pattern is not None
    assert second.pattern.told == r"\bprice\b"
    assert (second.accounts, second.words, second.start, second.quiet_hours) == (None,) * 4
    assert (second.max_per_hour, second.max_per_person, second.max_age_hours) == (None, None, 24)
    assert second.dry_run


@pytest.mark.parametrize("content", [b"# nothing is answered", b"rule = []", b"\xef\xbb\xbf#"])
def test_a_file_without_rules(content: bytes) -> None:
    """Says that nothing is answered."""
    assert read_rules(content) == []


def test_every_problem_at_once() -> None:
    """Where it is, and in plain words."""
    with pytest.raises(RulesError) as raised:
        read_rules(WRONG)
    assert [str(one) for one in raised.value.problems] == PROBLEMS.strip().splitlines()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\xff", "UTF-8"),
        (b"[[rule]]\nname =", "is no TOML"),
        (b"[rule]\nname = 'a'", "two brackets"),
        (b"rule = 1", "two brackets"),
        (b"rule = [1]", "two brackets"),
        (b"a = " + b"[" * 9_000, "nested"),
        (b"[[rule]]\nwords = ['a']\npattern = 'b'", "pattern stands beside words"),
    ],
)
def test_no_rules_file(content: bytes, words: str) -> None:
    """What cannot be read at all, or is something else."""
    with pytest.raises(RulesError, match=words):
        read_rules(content)


def test_rules_in_one_line_have_no_lines() -> None:
    """Rather none than a wrong one."""
    with pytest.raises(RulesError) as raised:
        read_rules(b"rule = [\n{name = 'a', on = ['comment'], answers = ['x']},\n{name = 'b'}]")
    assert raised.value.problems == [
        Problem(None, '"b"', "on", "is missing"),
        Problem(None, '"b"', "answers", "is missing"),
    ]


values = st.recursive(
    st.none().map(lambda _: "1979-05-27")
    | st.booleans().map(lambda one: str(one).lower())
    | st.integers(-9, 10**20).map(str)
    | st.floats().map(str)
    | st.sampled_from(['"comment"', '"22:00-07:00"', '"UTC"', '"{username}"', '"a"', "'(b+'"]),
    lambda inner: st.lists(inner, max_size=3).map(lambda all_: f"[{', '.join(all_)}]"),
    max_leaves=5,
)
fields = st.dictionaries(
    st.sampled_from([*Rule.model_fields, "other"]),
    values,
).map(lambda one: "[[rule]]\n" + "\n".join(f"{name} = {value}" for name, value in one.items()))


@given(st.lists(fields, max_size=3).map("\n".join).map(str.encode) | st.binary(max_size=60))
def test_any_file_has_rules_or_problems(content: bytes) -> None:
    """There is no third way."""
    found = _read(content)
    if any(isinstance(one, Problem) for one in found):
        assert all(isinstance(one, Problem) and str(one).isprintable() for one in found)
    else:
        assert len(found) == len(tomllib.loads(content.decode("utf-8-sig")).get("rule", []))


def _read(content: bytes) -> Sequence[Rule | Problem]:
    try:
        return read_rules(content)
    except RulesError as error:
        return error.problems


def test_the_example_and_the_page() -> None:
    """Can be used as they are; every field is on the page."""
    example = read_rules((ROOT / "deploy/replies.example.toml").read_bytes())
    assert [rule.name for rule in example] == ["challenge", "prices"]
    assert all(rule.dry_run for rule in example)
    page = (ROOT / "docs/replies.md").read_text()
    shown = page.partition("```toml\n")[2].partition("```")[0]
    assert len(read_rules(shown.encode())) == 1
    for name in Rule.model_fields:
        assert f"| `{name}` |" in page
