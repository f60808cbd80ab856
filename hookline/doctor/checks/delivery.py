"""Whether deliveries arrive: the line's latest, each account's, and what the watchdog says."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hookline.accounts.account import Account
from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Deliveries, Facts
from hookline.doctor.finding import Told, Unseen, ask, green, red, unknown, yellow
from hookline.moments import spoken
from workers.watchdog.standing import LAG, Standing

WATCHDOG: Final = "watchdog"

MISSED: Final = 3
"""So many of its looks may fail before the watchdog counts as away."""

LEAST: Final = timedelta(minutes=15)
"""It looks more often than it asks Meta, and a round of many accounts takes a while."""

_NOT_YET: Final = "it has not looked since accounts were connected"

_START: Final = "hookline worker watchdog. Its log tells why it does not stay."


class Watched(NamedTuple):
    """What arrived, and since when the watchdog has accounts to look at; None without any."""

    seen: Deliveries
    since: datetime | None


class OfAccount(NamedTuple):
    """What arrived for an account, and how the watchdog last saw it; None where it never did.

    `is_new`: it was connected so lately that the watchdog need not have looked yet.
    """

    latest_at: datetime | None
    standing: Standing | None
    is_watched: bool
    is_new: bool


def judge_watchdog(seen: Watched, now: datetime) -> Iterator[Told]:
    """Whether it looks."""
    deliveries, since = seen
    looked_at = max((one.checked_at for one in deliveries.standings), default=None)
    consequence = (
        "An account that Meta drops is not subscribed again, and silences are not noticed."
    )
    if since is None:
        yield green("without accounts it has nothing to look at")
    elif looked_at is None and _is_fresh(since, deliveries.interval, now):
        yield ask(_NOT_YET, consequence, f"Look again in a while; if it still has not: {_START}")
    elif looked_at is None:
        yield red("it has never looked", consequence, _START)
    elif not _is_fresh(looked_at, deliveries.interval, now):
        yield red(f"it last looked {spoken(now - looked_at)} ago", consequence, _START)
    else:
        yield green(f"it looked {spoken(now - looked_at)} ago")


def _is_fresh(moment: datetime, interval: timedelta, now: datetime) -> bool:
    return now - moment <= max(MISSED * interval, LEAST)


def judge_line(seen: Deliveries, now: datetime) -> Iterator[Told]:
    """The whole line, from the deliveries of all accounts."""
    silent = any(one.activity == "silent" for one in seen.standings)
    archived, known = seen.archived_at, seen.seen_at
    if silent:
        yield red(
            "nothing comes for any account, and that is not usual; the latest "
            f"{_ago(archived, now)}",
            "What Meta cannot deliver for 36 hours is lost.",
            "See what else is red: callback, ingest, app_subscription, then kafka and workers.",
        )
    elif archived is not None and (known is None or archived - known > LAG):
        yield red(
            f"the latest delivery is stored, and dedupe has not come to it; {_ago(archived, now)}",
            "Deliveries are kept, and no row comes of them.",
            "See to worker dedupe: workers, breakers, retention.",
        )
    elif archived is None:
        yield ask(
            "nothing has ever arrived",
            "Whether it would, the next real comment tells.",
            "Press Test in Meta's dashboard (Webhooks, Instagram), then comment on a post.",
        )
    else:
        yield green(f"the latest came {_ago(archived, now)}")


def judge_values(seen: Deliveries, now: datetime) -> Iterator[Told]:
    """Changes come with their values.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    bare_at, valued_at = seen.bare_at, seen.valued_at
    if bare_at is not None and (valued_at is None or bare_at > valued_at):
        yield red(
            f"changes come without their values, the latest {_ago(bare_at, now)}",
            "Nothing can be made of them: texts and ids are missing.",
            "Switch on Include Values in the app's Webhooks, or: hookline subscriptions apply",
        )
    else:
        yield green("changes come with their values")


def judge_account(seen: OfAccount, now: datetime) -> Iterator[Told]:
    """One account."""
    latest_at, standing, is_watched, is_new = seen
    if not is_watched and is_new:
        yield ask(_NOT_YET, "Whether what comes is usual is not known.", "Look again in a while.")
    elif not is_watched:
        told = f"the latest came {_ago(latest_at, now)}; whether that is usual, the watchdog tells"
        yield unknown(Unseen(told, WATCHDOG))
    elif standing is not None and standing.activity == "quiet":
        yield yellow(
            f"much less comes than usual; the latest {_ago(latest_at, now)}",
            "Nobody writes; or it is private, not professional any more, or linked to another "
            "Page.",
            "Look at the account, and at its other findings.",
        )
    elif latest_at is None:
        yield ask(
            "nothing has ever come for it",
            "Nobody has written yet; or one of the conditions that only a person can see is not "
            "met.",
            "Comment on a post of it, and look again.",
        )
    else:
        yield green(f"the latest came {_ago(latest_at, now)}")


def _ago(moment: datetime | None, now: datetime) -> str:
    return "never" if moment is None else f"{spoken(now - moment)} ago"


def _watched(facts: Facts) -> Subjects[Watched]:
    deliveries, accounts = facts.deliveries, facts.accounts
    if isinstance(deliveries, Unseen):
        return [("watchdog", deliveries)]
    if isinstance(accounts, Unseen):
        return [("watchdog", accounts)]
    connected = [one.account.connected_at for one in accounts]
    return [("watchdog", Watched(deliveries, min(connected, default=None)))]


def _accounts(facts: Facts) -> Subjects[OfAccount]:
    deliveries, accounts = facts.deliveries, facts.accounts
    if isinstance(deliveries, Unseen):
        return [("accounts", deliveries)]
    if isinstance(accounts, Unseen):
        return [("accounts", accounts)]
    standings = {one.account_id: one for one in deliveries.standings}
    return [
        (
            one.account.account_id,
            _of_account(one.account, standings.get(one.account.account_id), deliveries, facts.now),
        )
        for one in accounts
    ]


def _of_account(
    account: Account, standing: Standing | None, seen: Deliveries, now: datetime
) -> OfAccount:
    told = (seen.by_account.get(account.account_id), standing and standing.last_received_at)
    latest_at = max((one for one in told if one is not None), default=None)
    is_watched = standing is not None and _is_fresh(standing.checked_at, seen.interval, now)
    is_new = standing is None and _is_fresh(account.connected_at, seen.interval, now)
    return OfAccount(latest_at, standing, is_watched, is_new)


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        "deliveries",
        "The latest delivery that is stored, and seen by dedupe; whether the watchdog finds that "
        "nothing comes for any account.",
        "Nothing arrives, or no row comes of it.",
        "See what else is red: callback, ingest, app_subscription, kafka, workers.",
        ("deliveries",),
        lambda facts: [("the line", facts.deliveries)],
        judge_line,
    ),
    Check(
        "values",
        "That the latest change came with its value (`changed_fields` in a delivery says it did "
        "not).",
        "Texts and ids are missing.",
        "*Include Values* in Meta's dashboard, or `hookline subscriptions apply`.",
        ("deliveries",),
        lambda facts: [("the line", facts.deliveries)],
        judge_values,
    ),
    Check(
        WATCHDOG,
        f"That the watchdog looked within {MISSED} of its intervals.",
        "What Meta drops is not subscribed again, and silences are not noticed.",
        "`hookline worker watchdog`",
        ("deliveries", "accounts"),
        _watched,
        judge_watchdog,
    ),
    Check(
        "account_deliveries",
        "The latest delivery of each account, and whether the watchdog finds it quiet: yellow.",
        "Never red by itself.",
        "Look at the account: private, not professional, another Page?",
        ("deliveries", "accounts"),
        _accounts,
        judge_account,
    ),
)
