"""What decides about answers, as the worker asks it: whether, what, and when not now. Pure."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple, Protocol

from workers.reply.facts import Facts


class Decision(NamedTuple):
    """An answer is to be given. `message` is not shown; in a dry run nothing is ever sent."""

    rule: str
    message: str
    dry_run: bool

    def __repr__(self) -> str:
        """Without the message."""
        return f"Decision({self.rule})"


class Sent(NamedTuple):
    """What a rule has sent for an account, for its limits.

    Attributes:
        rule: its name.
        now: the database's time.
        last_hour: when its answers of the last hour were sent, in order.
        to_person: how many of the last 24 hours went to the person that is to be answered.
        asked_at: when what is to be answered was received, or a person had it sent again.
    """

    rule: str
    now: datetime
    last_hour: Sequence[datetime]
    to_person: int
    asked_at: datetime


class Hold(NamedTuple):
    """Why an answer is not sent now: it is put off `until` then, or fails if that is None."""

    reason: str
    until: datetime | None


class Rules(Protocol):
    """The rules at one moment."""

    @property
    def sending(self) -> Collection[str]:
        """The names of those that send: what was planned by others waits."""
        ...

    def decide(self, facts: Facts) -> Decision | None:
        """The answer to an event, if one is to be given. The same for the same event."""
        ...

    def hold(self, sent: Sent) -> Hold | None:
        """Why an answer of a rule is not to be sent now, if so."""
        ...


class RulesSource(Protocol):
    """Where the rules come from."""

    def current(self) -> Rules:
        """The rules as they are now."""
        ...


class _NoRules:
    """Answers nothing, and sends only what people ordered."""

    sending: Final[tuple[str, ...]] = ()

    def current(self) -> Rules:
        return self

    def decide(self, _facts: Facts) -> Decision | None:
        return None

    def hold(self, _sent: Sent) -> Hold | None:
        return None


NO_RULES: Final = _NoRules()
