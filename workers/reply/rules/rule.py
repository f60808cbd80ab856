"""A rule, as the file has it, and what it makes of an event. Pure."""

import hashlib
import re
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Any, Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationInfo,
    field_validator,
)

from workers.reply.deciding import Decision, Hold, Sent
from workers.reply.facts import Facts
from workers.reply.reply import MANUAL, Kind
from workers.reply.rules.pattern import Pattern
from workers.reply.rules.quiet_hours import QuietHours, parse_zone
from workers.reply.rules.template import Place, Template, usable_name
from workers.reply.rules.words import Word, parts

MAX_AGE_HOURS: Final = 24.0
"""From receipt. Nobody expects an answer any more to what they wrote the day before."""

Miss: TypeAlias = Literal[
    "other_kind", "other_account", "before_start", "no_text", "no_match", "timeout", "no_name"
]
"""Why a rule does not answer: `timeout` is a pattern that took too long, and `no_name` that every
answer needs a name that is unknown, mostly that of whoever is answered."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

_ACCOUNT: Final = re.compile(r"[0-9]{1,30}")


def _name(told: str) -> str:
    if not _NAME.fullmatch(told):
        raise ValueError("must be of letters, digits and _ . - and not longer than 64")
    if told.casefold() == MANUAL:
        raise ValueError(f"must be another one: {MANUAL} is what answers by hand are called")
    return told


def _account(told: object) -> str:
    """An account's id, which a file may have as a number."""
    account_id = str(told) if isinstance(told, int) and not isinstance(told, bool) else told
    if not isinstance(account_id, str) or not _ACCOUNT.fullmatch(account_id):
        raise ValueError("must be the id of an Instagram account, such as 17841405726653026")
    return account_id


_Account = Annotated[str, PlainValidator(_account)]
_Word = Annotated[Word, PlainValidator(Word.parse)]
_Template = Annotated[Template, PlainValidator(Template.parse)]
_Count = Annotated[int, Field(ge=1)]


class Asked:
    """An event that rules are asked about; what several of them want to know is found out once."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts

    @cached_property
    def parts(self) -> str:
        """The words of its text, as `words.parts` has them."""
        return parts(self.facts.text or "")


class Rule(BaseModel):
    """One rule. What each field means is told in docs/replies.md."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        arbitrary_types_allowed=True,
        hide_input_in_errors=True,
    )

    name: Annotated[str, AfterValidator(_name)]
    on: Annotated[list[Kind], Field(min_length=1)]
    accounts: Annotated[list[_Account], Field(min_length=1)] | None = None
    words: Annotated[list[_Word], Field(min_length=1)] | None = None
    pattern: Annotated[Pattern, PlainValidator(Pattern.parse)] | None = None
    answers: Annotated[list[_Template], Field(min_length=1)]
    start: AwareDatetime | None = None
    max_per_hour: _Count | None = None
    max_per_person: _Count | None = None
    max_age_hours: Annotated[float, Field(gt=0, le=8_760)] = MAX_AGE_HOURS
    quiet_hours: Annotated[QuietHours, PlainValidator(QuietHours.parse)] | None = None
    time_zone: Annotated[ZoneInfo, PlainValidator(parse_zone)] = ZoneInfo("UTC")
    dry_run: bool = False

    @field_validator("pattern", mode="before")
    @classmethod
    def _instead_of_words(cls, told: Any, info: ValidationInfo) -> Any:
        if info.data.get("words") is not None:
            raise ValueError("stands beside words; keep one of the two")
        return told

    def answer(self, asked: Asked) -> Decision | Miss:
        """The answer to an event, or why this rule has none. The same for the same event, but
        where a pattern takes too long.
        """
        return self._miss(asked) or self._decision(asked.facts)

    def hold(self, sent: Sent) -> Hold | None:
        """Why an answer of this rule is not to be sent now, if so."""
        if sent.now - sent.asked_at > timedelta(hours=self.max_age_hours):
            return Hold("too_old", None)
        if self.max_per_person is not None and sent.to_person >= self.max_per_person:
            return Hold("person_limit", None)
        quiet_until = self.quiet_hours and self.quiet_hours.until(sent.now, self.time_zone)
        if quiet_until:
            return Hold("quiet_hours", quiet_until)
        if self.max_per_hour is not None and len(sent.last_hour) >= self.max_per_hour:
            return Hold("hour_limit", sent.last_hour[-self.max_per_hour] + timedelta(hours=1))
        return None

    def _miss(self, asked: Asked) -> Miss | None:
        facts = asked.facts
        if facts.kind not in self.on:
            return "other_kind"
        if self.accounts is not None and facts.account_id not in self.accounts:
            return "other_account"
        if self.start is not None and facts.at < self.start:
            return "before_start"
        return self._mismatch(asked)

    def _mismatch(self, asked: Asked) -> Miss | None:
        text = asked.facts.text
        if self.words is None and self.pattern is None:
            return None
        if text is None:
            return "no_text"
        if self.words is not None:
            return None if any(word.parts in asked.parts for word in self.words) else "no_match"
        assert self.pattern is not None  # noqa: S101  # one of the two is given
        try:
            return None if self.pattern.finds(text) else "no_match"
        except TimeoutError:
            return "timeout"

    def _decision(self, facts: Facts) -> Decision | Miss:
        told = {Place.USERNAME: facts.username, Place.ACCOUNT: facts.account_name}
        names = {place: name for place, one in told.items() if (name := usable_name(one))}
        usable = [one for one in self.answers if one.places <= names.keys()]
        if not usable:
            return "no_name"
        # Not by chance: whoever decides it again comes to the same answer.
        digest = hashlib.sha256(f"{facts.event_id}#{self.name}".encode("utf-8", "surrogatepass"))
        chosen = usable[int.from_bytes(digest.digest()[:8]) % len(usable)]
        return Decision(self.name, chosen.fill(names), self.dry_run)
