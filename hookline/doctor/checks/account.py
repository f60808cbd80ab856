"""Whether each connected account's deliveries are sent, and its rows can be enriched."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from hookline.accounts.account import NOTICE, Account
from hookline.doctor.check import AnyCheck, Check, Seen, Subjects
from hookline.doctor.facts import Facts
from hookline.doctor.finding import Told, Unseen, ask, green, red, yellow
from hookline.doctor.meta import Connected, Link, PageState, Token
from hookline.moments import spoken

VAULT: Final = "vault"
TOKEN: Final = "token"  # noqa: S105 - the name of a check
LINK: Final = "page_link"
SUBSCRIPTION: Final = "page_subscription"
PERMISSIONS: Final = "permissions"

CONNECT: Final = "hookline accounts connect"

TASKS: Final = ("MANAGE", "CREATE_CONTENT", "MODERATE")
"""Any of them lets the user subscribe the Page, and read mentions.

Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
"""

_OF_COMMENTS: Final = (
    "instagram_basic",
    "instagram_manage_comments",
    "pages_manage_metadata",
    "pages_read_engagement",
    "pages_show_list",
)

NEEDED: Final[dict[str, tuple[str, ...]]] = {
    "comments": _OF_COMMENTS,
    "live_comments": _OF_COMMENTS,
    "mentions": _OF_COMMENTS,
    "story_insights": (
        "instagram_basic",
        "instagram_manage_insights",
        "pages_manage_metadata",
        "pages_read_engagement",
        "pages_show_list",
    ),
}
"""Source: https://developers.facebook.com/docs/instagram-platform/webhooks"""

_NOT_READ: Final = "Its rows are not enriched, and nothing is answered for it."


class OfAccount(NamedTuple):
    """A token as Meta sees it, and the account that it is for."""

    token: Token
    account: Account


def judge_connected(seen: tuple[Connected, ...], _: datetime) -> Iterator[Told]:
    """Whether there is any account."""
    if seen:
        yield green(f"{len(seen)} connected")
    else:
        yield ask(
            "no account is connected",
            "Deliveries are stored; nothing is read, and whether Pages are subscribed is not "
            "known.",
            f"Is that wanted? Otherwise: {CONNECT}",
        )


def judge_vault(seen: bool, _: datetime) -> Iterator[Told]:
    """Whether the keys open the tokens."""
    if seen:
        yield green("the keys open its tokens")
    else:
        yield red(
            "no key of HOOKLINE_VAULT_KEYS opens its tokens",
            _NOT_READ,
            "Add the key that they were encrypted with, behind the others, for all services; if "
            f"that is lost: {CONNECT}",
        )


def judge_state(seen: Account, _: datetime) -> Iterator[Told]:
    """Whether reads are made for it."""
    if seen.state == "parked":
        yield red(
            f"parked: {seen.state_reason or 'Meta refused its token'}",
            _NOT_READ,
            f"{CONNECT}: all that waited is read then",
        )
    elif seen.parked_endpoints:
        told = ", ".join(f"{one}: {why}" for one, why in sorted(seen.parked_endpoints.items()))
        yield red(
            f"reads are left out ({told})",
            "What they tell is missing in the rows, such as texts, or names of people.",
            f"Grant the permission, then {CONNECT}: all that waited is read then",
        )
    else:
        yield green("its reads are made")


def judge_token(seen: OfAccount, _: datetime) -> Iterator[Told]:
    """Whether it is valid, and of our app."""
    token, account = seen
    if not token.is_valid:
        yield red(
            f"its token is not valid any more{f' ({token.reason})' if token.reason else ''}",
            _NOT_READ,
            CONNECT,
        )
    elif token.app_id != account.app_id:
        yield red(
            f"its token is of app {token.app_id or '–'}, and not of {account.app_id}",
            f"Calls with our app's secret are refused. {_NOT_READ}",
            f"Make a token for app {account.app_id}, then {CONNECT}",
        )
    else:
        yield green("valid, of our app")


def judge_life(seen: OfAccount, now: datetime) -> Iterator[Told]:
    """How long token and access to data last."""
    token = seen.token
    ends = [
        (end, what)
        for end, what in (
            (token.expires_at, "its token"),
            (token.data_access_expires_at, "the access to its data"),
        )
        if end is not None
    ]
    if not ends:
        yield green("without an end")
        return
    end, what = min(ends)
    left = end - now
    if left <= timedelta(0):
        yield red(f"{what} ended {spoken(-left)} ago", _NOT_READ, CONNECT)
    elif left < NOTICE:
        yield yellow(f"{what} ends in {spoken(left)}", f"Then: {_NOT_READ}", CONNECT)
    else:
        yield green(f"for another {left.days} days")


def judge_permissions(seen: Account, _: datetime) -> Iterator[Told]:
    """What each field needs, granted for this account and its Page."""
    missing = set(seen.missing_scopes)
    for field, needed in NEEDED.items():
        subject = f"{seen.account_id} {field}"
        lacking = [scope for scope in needed if scope in missing]
        if not lacking:
            yield green("all granted", subject)
            continue
        granted_elsewhere = [scope for scope in lacking if scope in seen.scopes]
        where = (
            f"; {', '.join(granted_elsewhere)} for other accounts only" if granted_elsewhere else ""
        )
        yield red(
            f"not granted: {', '.join(lacking)}{where}",
            "Meta does not send the field for the account, or its rows are not enriched.",
            "Log in again with all permissions, choosing this account and its Page, then "
            f"{CONNECT}",
            subject=subject,
        )


def judge_link(seen: tuple[Link | None, Account], _: datetime) -> Iterator[Told]:
    """Whether it is linked to the Page that we know."""
    link, account = seen
    if link is None:
        yield red(
            "none of its user's Pages has this account",
            "Meta sends nothing for an account that is linked to no Page, or not professional.",
            "Make it a Business or Creator account and link it to a Page that the user has a task "
            f"on, then {CONNECT}",
        )
    elif link.page_id != account.page_id:
        yield red(
            f"it is linked to Page {link.page_id} now, and not to {account.page_id}",
            "The Page that we subscribe is another one: nothing is sent for the account.",
            CONNECT,
        )
    else:
        yield green(f"linked to Page {link.page_id}")


def judge_tasks(seen: Link, _: datetime) -> Iterator[Told]:
    """Whether the user may do on the Page what we need."""
    if set(TASKS) & set(seen.tasks):
        yield green(f"its user may {', '.join(task for task in seen.tasks if task in TASKS)}")
    else:
        yield red(
            f"its user's tasks on the Page: {', '.join(seen.tasks) or 'none'}",
            "The Page cannot be subscribed, mentions not be read, and nothing be answered.",
            f"Give the user one of {', '.join(TASKS)} on the Page, then {CONNECT}",
        )


def judge_subscription(seen: PageState, _: datetime) -> Iterator[Told]:
    """Whether the app is on the Page, with any field.

    Source: https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
    """
    if seen.fields:
        yield green(f"its Page is subscribed to ({', '.join(seen.fields)})")
    else:
        yield red(
            "its Page is not subscribed to",
            "Meta sends nothing for the account.",
            "hookline subscriptions apply",
            fix="subscriptions apply",
        )


def judge_on_air(seen: int, _: datetime) -> Iterator[Told]:
    """Whether live comments can come now. Most of the time nothing is on air.

    Source: https://developers.facebook.com/docs/instagram-platform/webhooks
    """
    yield green(
        f"{seen} on air: their live comments come now"
        if seen
        else "nothing is on air, so no live comments come now"
    )


def _each(part: Callable[[Connected], Seen | Unseen]) -> Callable[[Facts], Subjects[Seen]]:
    """One part of what was seen of each account."""

    def subjects(facts: Facts) -> Subjects[Seen]:
        if isinstance(facts.accounts, Unseen):
            return [("accounts", facts.accounts)]
        return [(one.account.account_id, part(one)) for one in facts.accounts]

    return subjects


def _token(seen: Connected) -> OfAccount | Unseen:
    return seen.token if isinstance(seen.token, Unseen) else OfAccount(seen.token, seen.account)


def _living(facts: Facts) -> Subjects[OfAccount]:
    """How long a dead one lasts nobody asks."""
    return [
        (subject, seen)
        for subject, seen in _each(_token)(facts)
        if isinstance(seen, Unseen) or seen.token.is_valid
    ]


def _granted(seen: Connected) -> Account | Unseen:
    return seen.granted if isinstance(seen.granted, Unseen) else seen.account


def _link(seen: Connected) -> tuple[Link | None, Account] | Unseen:
    return seen.link if isinstance(seen.link, Unseen) else (seen.link, seen.account)


def _tasks(facts: Facts) -> Subjects[Link]:
    """Without a link there are none."""
    if isinstance(facts.accounts, Unseen):
        return [("accounts", facts.accounts)]
    return [(one.account.account_id, one.link) for one in facts.accounts if one.link is not None]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        "accounts",
        "That accounts are connected.",
        "Never red by itself: without any, nothing is read or answered.",
        f"`{CONNECT}`",
        ("accounts",),
        lambda facts: [("accounts", facts.accounts)],
        judge_connected,
    ),
    Check(
        VAULT,
        "That the keys of HOOKLINE_VAULT_KEYS open the stored tokens.",
        _NOT_READ,
        "Add the key that they were encrypted with, behind the others.",
        ("accounts",),
        _each(lambda seen: seen.opened),
        judge_vault,
    ),
    Check(
        "account_state",
        "That the account is not parked, and none of its kinds of reads is left out.",
        _NOT_READ,
        f"Grant what is missing, then `{CONNECT}`.",
        ("accounts",),
        _each(lambda seen: seen.account),
        judge_state,
    ),
    Check(
        TOKEN,
        "What Meta says of the user token (`/debug_token`): valid, and of our app.",
        _NOT_READ,
        f"`{CONNECT}` with a new token.",
        ("accounts",),
        _each(_token),
        judge_token,
    ),
    Check(
        "token_life",
        f"The end of the token and of the access to data: not within {NOTICE.days} days.",
        _NOT_READ,
        f"`{CONNECT}` with a new token.",
        ("accounts",),
        _living,
        judge_life,
    ),
    Check(
        PERMISSIONS,
        "The permissions that each field needs, granted for this account or its Page "
        "(`granular_scopes`; without any target a grant is for all).",
        "Meta does not send the field for the account, or its rows are not enriched.",
        f"Log in again with all permissions, then `{CONNECT}`.",
        ("accounts",),
        _each(_granted),
        judge_permissions,
    ),
    Check(
        LINK,
        "That the account is linked to the Page that we know (`/me/accounts`).",
        "Meta sends nothing for the account.",
        f"Link it, then `{CONNECT}`.",
        ("accounts",),
        _each(_link),
        judge_link,
    ),
    Check(
        "page_tasks",
        f"The user's tasks on that Page: one of {', '.join(TASKS)}.",
        "The Page cannot be subscribed, mentions not be read, and nothing be answered.",
        "Give the user such a task.",
        ("accounts",),
        _tasks,
        judge_tasks,
    ),
    Check(
        SUBSCRIPTION,
        "That the app is subscribed to the Page, with any field.",
        "Meta sends nothing for the account.",
        "`hookline subscriptions apply`",
        ("accounts",),
        _each(lambda seen: seen.page),
        judge_subscription,
    ),
    Check(
        "on_air",
        "Broadcasts that are on air (`/live_media`): live comments come, and can be read, only "
        "meanwhile.",
        "Never red by itself.",
        "None is needed.",
        ("accounts",),
        _each(lambda seen: seen.on_air),
        judge_on_air,
    ),
)
