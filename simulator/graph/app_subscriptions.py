"""What the app is subscribed to: for each type of object a callback, and fields with versions.

Source: https://developers.facebook.com/docs/graph-api/reference/app/subscriptions/
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from simulator.graph import page_subscriptions
from simulator.graph.chance import digits
from simulator.graph.errors import failed_callback, not_among, wrong_parameter
from simulator.graph.handshake import Handshake
from simulator.graph.options import GraphOptions
from simulator.wire import INSTAGRAM

INSTAGRAM_FIELDS: Final = (
    "comments",
    "follow",
    "live_comments",
    "mentions",
    "message_echoes",
    "message_edit",
    "message_reactions",
    "messages",
    "messaging_handover",
    "messaging_optins",
    "messaging_policy_enforcement",
    "messaging_postbacks",
    "messaging_referral",
    "messaging_seen",
    "response_feedback",
    "standby",
    "story_insights",
)
"""Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram"""

_FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    INSTAGRAM: INSTAGRAM_FIELDS,
    "page": page_subscriptions.FIELDS,
}


class AppSubscription(BaseModel):
    """The app's subscription to one type of object; `fields` has the Graph version of each."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    object: str = INSTAGRAM
    callback_url: str
    active: bool = True
    fields: Mapping[str, str]


class AppSubscriptions:
    """All of the app, by type of object."""

    def __init__(self, options: GraphOptions) -> None:
        self._options = options
        self._known: dict[str, AppSubscription] = {}

    def put(self, subscriptions: Iterable[AppSubscription]) -> None:
        """Puts others in place of all that there are."""
        self._known = {one.object: one for one in subscriptions}

    def fields(self, object_type: str = INSTAGRAM) -> tuple[str, ...]:
        """The fields that are sent; none while the subscription is not active."""
        known = self._known.get(object_type)
        return tuple(known.fields) if known is not None and known.active else ()

    def listed(self) -> dict[str, Any]:
        """What the app is subscribed to."""
        return {"data": [_told(one) for one in self._known.values()]}

    def handshake(self, params: Mapping[str, str]) -> Handshake:
        """The handshake that has to come to a good end before `subscribe`.

        Raises:
            RefusalError: the parameters are wrong, so there is none.
        """
        found = {name: params.get(name, "") for name in ("object", "callback_url", "verify_token")}
        for name in (*found, "fields"):
            if not params.get(name):
                raise wrong_parameter(f"The parameter {name} is required")
        objects = [one for one in _FIELDS if one != INSTAGRAM or not self._options.refuse_instagram]
        if found["object"] not in objects:
            raise not_among("object", objects)
        if not found["callback_url"].startswith(("https://", "http://")):
            raise wrong_parameter("Param callback_url must be a valid URI")
        choices = _FIELDS[found["object"]]
        for number, field in enumerate(_names(params)):
            if field not in choices:
                raise not_among(f"fields[{number}]", choices)
        challenge = digits(10, self._options.seed, "challenge", found["callback_url"])
        return Handshake(found["callback_url"], found["verify_token"], challenge)

    def subscribe(
        self, params: Mapping[str, str], version: str, callback_problem: str | None
    ) -> dict[str, Any]:
        """Adds fields to those of a type of object, at a version; the callback is the new one.

        Raises:
            RefusalError: the parameters are wrong, or the handshake was; then nothing changes.
        """
        shaken = self.handshake(params)
        if callback_problem is not None:
            raise failed_callback(callback_problem)
        object_type = params["object"]
        before = self._known.get(object_type)
        fields = {**(before.fields if before else {}), **dict.fromkeys(_names(params), version)}
        self._known[object_type] = AppSubscription(
            object=object_type, callback_url=shaken.callback_url, fields=fields
        )
        return {"success": True}

    def unsubscribe(self, params: Mapping[str, str]) -> dict[str, Any]:
        """Takes away fields, or all of a type of object; without `object` everything."""
        if "object" not in params:
            self._known.clear()
        elif (known := self._known.pop(params["object"], None)) is not None and "fields" in params:
            gone = _names(params)
            fields = {name: one for name, one in known.fields.items() if name not in gone}
            if fields:
                self._known[known.object] = known.model_copy(update={"fields": fields})
        return {"success": True}


def _names(params: Mapping[str, str]) -> list[str]:
    return [one.strip() for one in params.get("fields", "").split(",")]


def _told(subscription: AppSubscription) -> dict[str, Any]:
    fields = [{"name": name, "version": one} for name, one in subscription.fields.items()]
    return {**subscription.model_dump(exclude={"fields"}), "fields": fields}
