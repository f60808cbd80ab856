"""What the doctor finds: how one thing stands, why that is said, what follows, what to do."""

from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeAlias

State: TypeAlias = Literal["red", "unknown", "yellow", "ask", "green"]
"""`red`: broken. `unknown`: it could not be looked at, since something else is red. `yellow`: it
will break, or has done harm. `ask`: only a person can tell. `green`: as it should be."""

STATES: Final[tuple[State, ...]] = ("red", "unknown", "yellow", "ask", "green")

Fix: TypeAlias = Literal["migrate", "topics apply", "subscriptions apply"]
"""A verb that repairs it, does no harm, and takes nothing away."""

FIXES: Final[tuple[Fix, ...]] = ("migrate", "topics apply", "subscriptions apply")
"""In the order in which they are to run: the audit of the later ones needs the first."""

NOBODY_LOOKED: Final = "It may be so or otherwise: nobody could look."


@dataclass(frozen=True, slots=True)
class Unseen:
    """Why something could not be looked at, in words, and the check that it is to be blamed on.

    The check that is blamed is red, all others that needed it are unknown. `repair` says what to
    do, where that is not what the check says anyway.
    """

    why: str
    blame: str
    repair: str = ""


class Told(NamedTuple):
    """What a judgement says about a subject. `subject` is None for the one it was asked about."""

    state: State
    evidence: str
    consequence: str = ""
    repair: str = ""
    fix: Fix | None = None
    subject: str | None = None


class Finding(NamedTuple):
    """What a check says about a subject; the last two are empty where all is well."""

    check: str
    group: str
    subject: str
    state: State
    evidence: str
    consequence: str = ""
    repair: str = ""
    fix: Fix | None = None


def green(evidence: str, subject: str | None = None) -> Told:
    """All is well."""
    return Told("green", evidence, subject=subject)


def red(
    evidence: str,
    consequence: str,
    repair: str,
    *,
    fix: Fix | None = None,
    subject: str | None = None,
) -> Told:
    """It is broken."""
    return Told("red", evidence, consequence, repair, fix, subject)


def yellow(evidence: str, consequence: str, repair: str, *, subject: str | None = None) -> Told:
    """It will break, or has done harm."""
    return Told("yellow", evidence, consequence, repair, subject=subject)


def ask(evidence: str, consequence: str, repair: str, *, subject: str | None = None) -> Told:
    """Only a person can tell."""
    return Told("ask", evidence, consequence, repair, subject=subject)


def unknown(unseen: Unseen, *, subject: str | None = None) -> Told:
    """It could not be looked at."""
    repair = unseen.repair or f"First see to {unseen.blame}."
    return Told("unknown", unseen.why, NOBODY_LOOKED, repair, subject=subject)


def plain(text: str) -> str:
    """A text without what would move a terminal's cursor: some of it is what others answered."""
    return "".join(letter if letter.isprintable() else "·" for letter in text)
