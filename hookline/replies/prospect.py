"""What will become of an answer, and what a person can do about it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from hookline.moments import shown
from hookline.replies.row import Row
from workers.reply.reply import MANUAL, Kind


class Circumstances(NamedTuple):
    """What an answer depends on besides itself.

    Attributes:
        now: the database's time.
        username: of the account.
        account_state: None for one that was never connected.
        parked_endpoints: what the account may not call, and why.
        blocked_until: until then Meta refuses the account's answers, as far as we know.
        has_worker: whether a worker `reply` is connected to the database.
    """

    now: datetime
    username: str | None
    account_state: str | None
    account_reason: str | None
    parked_endpoints: Mapping[str, str]
    blocked_until: datetime | None
    has_worker: bool


class Prospect(NamedTuple):
    """What happens next by itself, and what to do, if anything can be done."""

    next: str
    to_do: str | None = None


def prospect(row: Row, about: Circumstances) -> Prospect:
    """What will become of an answer."""
    match row.state:
        case "planned":
            return _of_planned(row, about)
        case "sending":
            return _of_sending(row, about)
        case "unknown":
            return _of_unknown(row, about)
        case "sent":
            return Prospect("Nothing: it is done.")
        case "failed":
            again = f"To have it sent all the same: {settle(row)} --not-sent --again"
            return Prospect("Nothing: it was not sent.", None if row.dry_run else again)


def account_problem(account_id: str, kind: Kind, about: Circumstances) -> str | None:
    """Why nothing is sent for an account until a person acts."""
    state = about.account_state
    if state is None or state == "removed":
        return f"Account {account_id} is not connected"
    if state != "active":
        return f"Account {account_id} is {state} ({about.account_reason or 'no reason told'})"
    reason = about.parked_endpoints.get(endpoint_of(kind))
    return reason and f"Account {account_id} may not answer ({reason})"


def endpoint_of(kind: Kind) -> str:
    """The Graph API's edge that takes such an answer."""
    return "comment_reply" if kind == "comment" else "mention_reply"


def settle(row: Row) -> str:
    """The verb that says how an answer ended."""
    return f"hookline replies settle '{row.reply_key}'"


def _of_planned(row: Row, about: Circumstances) -> Prospect:
    never = f"To have it never sent: {settle(row)} --not-sent"
    if row.dry_run:
        by_hand = f"To answer all the same: hookline replies send '{row.event_id}'"
        return Prospect("Nothing: it is a dry run, to be looked at.", by_hand)
    waits, to_do = _planned(row, about)
    return Prospect(waits, f"{to_do} {never}" if to_do else never)


def _planned(row: Row, about: Circumstances) -> Prospect:
    if problem := account_problem(row.account_id, row.kind, about):
        return Prospect(
            f"It waits. {problem}.",
            "Repair that, and connect the account again: hookline accounts connect.",
        )
    if about.blocked_until is not None and about.blocked_until > about.now:
        return Prospect(
            f"Meta blocks the account's answers. The next try is at {shown(about.blocked_until)}.",
            "See the account's status in the Instagram app, and answer less.",
        )
    if not about.has_worker:
        return Prospect(
            "It waits: no worker `reply` is connected to the database.",
            "Start one: hookline worker reply.",
        )
    if row.due_at is not None and row.due_at > about.now:
        return Prospect(f"It is sent at {shown(row.due_at)}, not before.")
    if row.rule == MANUAL:
        return Prospect("It is sent as soon as the account's call budget allows.")
    return Prospect(
        f"It is sent as soon as limits allow, if `{row.rule}` is in the rules and sends."
    )


def _of_sending(row: Row, about: Circumstances) -> Prospect:
    if row.leased_until is not None and row.leased_until > about.now:
        return Prospect(f"It is being sent. How it ended is known by {shown(row.leased_until)}.")
    if about.has_worker:
        return Prospect("Its sender did not live to tell how it ended: it becomes unknown now.")
    return Prospect(
        "Its sender did not live to tell how it ended, and no other runs.", _look(row, about)
    )


def _of_unknown(row: Row, about: Circumstances) -> Prospect:
    if row.due_at is None:
        return Prospect("Nothing: only a person can see whether it was sent.", _look(row, about))
    if problem := account_problem(row.account_id, row.kind, about):
        return Prospect(f"It cannot be looked for. {problem}.", _look(row, about))
    if not about.has_worker:
        return Prospect(
            "It would be looked for below the comment, but no worker `reply` is connected.",
            f"Start one: hookline worker reply. {_look(row, about)}",
        )
    at = shown(max(row.due_at, about.now))
    return Prospect(f"It is looked for below the comment at {at}.", _look(row, about))


def _look(row: Row, about: Circumstances) -> str:
    who = f"@{about.username}" if about.username else f"account {row.account_id}"
    where = {
        "comment": f"below comment {row.thread_id or row.comment_id}",
        "comment_mention": f"below comment {row.comment_id} of media {row.media_id}",
        "caption_mention": f"among the comments of media {row.media_id}",
    }[row.kind]
    return (
        f"Look on Instagram whether {who} has answered {where}, then say so: {settle(row)} "
        "--sent, or --not-sent, or to send it again --not-sent --again"
    )
