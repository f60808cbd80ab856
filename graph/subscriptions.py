"""Subscriptions at Meta: what there is, what is wanted, what is to be sent. Pure.

Deliveries need both levels: the app is subscribed to fields of the object `instagram`, and the app
is on the account's Page with any one field, which opens all of the app's.

Sources: https://developers.facebook.com/docs/graph-api/webhooks/subscriptions-edge,
https://developers.facebook.com/docs/graph-api/reference/page/subscribed_apps
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from graph.versions import ENDS, outlook
from schemas.fields import INSTAGRAM
from schemas.splitting import id_text

FIELDS: Final[tuple[str, ...]] = ("comments", "live_comments", "mentions", "story_insights")
"""Of the app. A Page refuses them."""

PAGE_FIELD: Final = "feed"
"""Any field of Pages would do."""

Problem: TypeAlias = Literal["not_subscribed", "inactive", "other_callback", "fields_missing"]
"""Why nothing, or not everything, is sent to us. In this order the first one says the most."""

_VERSION: Final = re.compile(r"v([0-9]{1,3})\.[0-9]+", re.ASCII)
_FIRST_KNOWN: Final = min(int(version[1:-2]) for version in ENDS)


def is_list(answer: Mapping[str, Any]) -> bool:
    """Whether an answer lists anything, be it nothing. Else it tells nothing about subscriptions:
    what is sent then could take the place of what was not told.
    """
    return isinstance(answer.get("data"), list)


def page_fields(answer: Mapping[str, Any], app_id: str) -> tuple[str, ...]:
    """The Page's fields that an app is subscribed to; none when it is not in this list."""
    for app in _members(answer.get("data")):
        if id_text(app.get("id")) == app_id:
            return _texts(app.get("subscribed_fields"))
    return ()


def page_fields_to_send(found: Sequence[str]) -> tuple[str, ...]:
    """The list that is to take the place of the one found: all of it, and ours. Empty: none is."""
    return () if PAGE_FIELD in found else (*found, PAGE_FIELD)


class AppSubscription(NamedTuple):
    """What an app is subscribed to of `instagram`: `versions` by field, where they are told."""

    callback_url: str | None
    is_active: bool
    versions: Mapping[str, str | None]


class AppPlan(NamedTuple):
    """What is wrong with an app's subscription, and which fields are to be sent against it.

    `outdated` are fields whose version has ended, which another one takes the place of: they come.
    """

    problems: tuple[Problem, ...]
    to_send: tuple[str, ...]
    outdated: tuple[str, ...] = ()


def app_subscription(answer: Mapping[str, Any]) -> AppSubscription | None:
    """The app's subscription to `instagram`; None when there is none."""
    for one in _members(answer.get("data")):
        if one.get("object") == INSTAGRAM:
            callback_url = one.get("callback_url")
            return AppSubscription(
                callback_url if isinstance(callback_url, str) else None,
                one.get("active") is not False,
                dict(_field_versions(one.get("fields"))),
            )
    return None


def app_plan(found: AppSubscription | None, callback_url: str | None, today: date) -> AppPlan:
    """What is to be done about an app's subscription.

    Sending adds fields and takes none away; the callback is the one sent. Fields that are there
    at a living version are sent again only when they have to be activated, or moved.

    Args:
        found: what there is.
        callback_url: where deliveries are to go; None: wherever they go now.
        today: versions may have ended.
    """
    if found is None:
        return AppPlan(("not_subscribed",), FIELDS)
    missing = [field for field in FIELDS if field not in found.versions]
    outdated = tuple(field for field in FIELDS if _has_ended(found.versions.get(field), today))
    is_elsewhere = callback_url is not None and found.callback_url != callback_url
    told: tuple[tuple[Problem, bool], ...] = (
        ("inactive", not found.is_active),
        ("other_callback", is_elsewhere),
        ("fields_missing", bool(missing)),
    )
    send_all = is_elsewhere or not found.is_active
    to_send = tuple(one for one in FIELDS if send_all or one in missing or one in outdated)
    return AppPlan(tuple(problem for problem, holds in told if holds), to_send, outdated)


def _has_ended(version: str | None, today: date) -> bool:
    number = _VERSION.fullmatch(version or "")
    if version is None or number is None:
        return False
    return int(number[1]) < _FIRST_KNOWN or outlook(version, today).state == "ended"


def _field_versions(fields: Any) -> list[tuple[str, str | None]]:
    """`[{"name": "comments", "version": "v25.0"}]`, as newer answers have it, or names alone."""
    found: list[tuple[str, str | None]] = []
    for field in fields if isinstance(fields, list) else ():
        name = field.get("name") if isinstance(field, dict) else field
        version = field.get("version") if isinstance(field, dict) else None
        if isinstance(name, str):
            found.append((name, version if isinstance(version, str) else None))
    return found


def _members(data: Any) -> list[dict[str, Any]]:
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else []


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(one for one in values if isinstance(one, str)) if isinstance(values, list) else ()
