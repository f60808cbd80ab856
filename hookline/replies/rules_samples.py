"""Events to ask rules about: invented ones, and those that somebody wrote down. Pure."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from workers.reply.facts import Facts, Never, person
from workers.reply.reply import Kind
from workers.reply.rules.rule import Rule

ACCOUNT: Final = "17840000000000000"
"""Answers invented events, where no rule names an account."""

ACCOUNT_NAME: Final = "your.brand"

SOMEBODY: Final = "somebody"

KINDS: Final[tuple[Kind, ...]] = ("comment_mention", "caption_mention", "comment")


@dataclass(frozen=True, slots=True)
class Earlier:
    """An answer of the outbox to the same event."""

    rule: str
    state: str


@dataclass(frozen=True, slots=True)
class Sample:
    """Something that rules are asked about. What people wrote, and who they are, is not shown.

    Attributes:
        name: an event's id, or which invented one it is.
        facts: what rules decide on; else why it is never answered, or `not_archived`.
        about: the rule that it was made for, if any.
        earlier: what the outbox has of it.
    """

    name: str
    facts: Facts | Never | Literal["not_archived"] = field(repr=False)
    about: str | None = None
    earlier: tuple[Earlier, ...] = ()


class SampleError(ValueError):
    """A line of a file of samples is none. Says which and why."""


def invented(rules: Sequence[Rule], now: datetime, account: str | None) -> list[Sample]:
    """For each rule something that it should answer; of each kind something plain, with and without
    a name.
    """
    found = []
    for rule in rules:
        word = f" {rule.words[0].told}" if rule.words else ""
        at = max(now, rule.start) if rule.start else now
        of = account or (rule.accounts or [ACCOUNT])[0]
        text = f"Hello{word}!"
        found.append(_sample(f"for {rule.name}", rule.on[0], text, SOMEBODY, of, at, rule.name))
    of = account or _account(rules)
    for kind in KINDS:
        found.append(_sample("plain", kind, "Hello!", SOMEBODY, of, now))
        if kind != "comment":  # without an author it may be our own
            found.append(_sample("without a name", kind, "Hello!", None, of, now))
    return found


def written(
    text: str, rules: Sequence[Rule], now: datetime, account: str | None
) -> Iterator[Sample]:
    """The samples in a file: a text in each line, or an object of JSON that tells more.

    Raises:
        SampleError: a line begins as an object and is none.
    """
    kinds = [kind for kind in KINDS if any(kind in rule.on for rule in rules)] or [KINDS[0]]
    of = account or _account(rules)
    for number, line in enumerate(text.splitlines(), 1):
        name = f"line {number}"
        if line.lstrip().startswith("{"):
            told = _line(line, number)
            yield _sample(
                name, told.on, told.text, told.username, told.account or of, told.at or now
            )
        elif line.strip():
            for kind in kinds:
                yield _sample(name, kind, line.strip(), SOMEBODY, of, now)


class _Line(BaseModel):
    """A sample as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    on: Kind = "comment"
    text: str | None = None
    username: str | None = None
    account: str | None = Field(None, pattern=r"^[0-9]+$")
    at: AwareDatetime | None = None


def _line(line: str, number: int) -> _Line:
    try:
        told: Any = json.loads(line)
        return _Line.model_validate(told)
    except ValidationError as error:
        told = sorted({f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()})
        raise SampleError(f"line {number}: {'; '.join(told)}") from error
    except (ValueError, RecursionError) as error:
        raise SampleError(f"line {number} is no JSON") from error


def _account(rules: Sequence[Rule]) -> str:
    """The first that a rule names."""
    return next((rule.accounts[0] for rule in rules if rule.accounts), ACCOUNT)


def _sample(
    name: str,
    kind: Kind,
    text: str | None,
    username: str | None,
    account: str,
    at: datetime,
    about: str | None = None,
) -> Sample:
    facts = Facts(
        event_id=f"sample:{kind}:{name}",
        account_id=account,
        kind=kind,
        media_id=None,
        comment_id=None,
        thread_id=None,
        text=text or None,
        username=username,
        person=person(username, None),
        at=at,
        received_at=at,
        account_name=ACCOUNT_NAME,
    )
    return Sample(name, facts, about)
