"""The rules of a run, as a file, and who is answered by them. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from simulator.world import World
from tests.chaos.replies.events import ACCOUNTS, kind_of

_IDS: Final = [account.id for account in World(0, accounts=ACCOUNTS).accounts]

ANSWERED: Final = _IDS[:-2]
TRIED: Final = _IDS[-2]
"""For this account there is a dry run."""

LEFT_ALONE: Final = _IDS[-1]
"""No rule is for this one."""

RULES: Final = {"mentions": "comment_mention", "captions": "caption_mention", "comments": "comment"}
_NAMING: Final = ("Thank you, {username}!", "Merci, {username} !")

ANSWERS: Final = {"mentions": _NAMING, "captions": _NAMING, "comments": ("Thank you!",)}
"""Those to comments are alike, so that they have to be told apart when they are looked for."""

DRY_RUN: Final = "tried"

MAX_AGE_HOURS: Final = 8760
"""However often time is put forward, nothing is too old."""

EVERYONE: Final = "everyone"
NAMED: Final = 3
"""So many accounts are named in each answer of the day."""

QUIET_FROM: Final = 22
QUIET_TO: Final = 6
MAX_PER_HOUR: Final = 8


def rules_file() -> str:
    """The rules of the run with faults, as TOML."""
    told = [
        _rule(name, [kind], ANSWERED, f"answers = {_list(ANSWERS[name])}")
        for name, kind in RULES.items()
    ]
    told.append(
        _rule(DRY_RUN, RULES.values(), [TRIED], 'answers = ["Thank you!"]', "dry_run = true")
    )
    return "\n".join(told)


def day_file() -> str:
    """One rule for all that anybody writes, as TOML: it names our own accounts in what it says."""
    accounts = World(0, accounts=NAMED).accounts
    names = " ".join(f"@{account.username}" for account in accounts)
    return _rule(
        EVERYONE,
        RULES.values(),
        [account.id for account in accounts],
        f'answers = ["Thank you! {names}"]',
        f'quiet_hours = "{QUIET_FROM:02}:00-{QUIET_TO:02}:00"',
        f"max_per_hour = {MAX_PER_HOUR}",
    )


def _rule(name: str, on: Collection[str], accounts: Sequence[str], *more: str) -> str:
    lines = [
        "[[rule]]",
        f'name = "{name}"',
        f"on = {_list(on)}",
        f"accounts = {_list(accounts)}",
        f"max_age_hours = {MAX_AGE_HOURS}",
        *more,
    ]
    return "\n".join(lines) + "\n"


def _list(texts: Collection[str]) -> str:
    return "[" + ", ".join(f'"{one}"' for one in texts) + "]"


def rule_of(event_id: str) -> str | None:
    """The rule that wants an event answered; none where none does."""
    account_id, kind = event_id.split(":")[1], kind_of(event_id)
    if account_id == TRIED:
        return DRY_RUN
    if account_id == LEFT_ALONE:
        return None
    return next(name for name, on in RULES.items() if on == kind)
