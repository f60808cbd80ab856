"""Whether the app's secret is right, and the app subscribed to all that we store, with us."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from graph.subscriptions import FIELDS, AppPlan, AppSubscription, Problem
from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Facts
from hookline.doctor.finding import Told, Unseen, green, red, unknown, yellow
from hookline.doctor.meta import App

SECRET: Final = "app_secret"  # noqa: S105 - the name of a check
SUBSCRIPTION: Final = "app_subscription"

_CONFIGURE: Final = "Copy the app's id and secret from Meta's dashboard (Settings, Basic) into"
_SECRET_REPAIR: Final = f"{_CONFIGURE} HOOKLINE_APP_SECRETS, and start the services again."

APPLY: Final = "hookline subscriptions apply"

_PROBLEMS: Final[dict[Problem, tuple[str, str]]] = {
    "not_subscribed": ("the app is not subscribed to instagram", "Meta sends nothing at all."),
    "inactive": ("the app's subscription is not active", "Meta sends nothing at all."),
    "other_callback": ("deliveries go somewhere else", "Nothing arrives here."),
    "fields_missing": ("fields are missing", "What belongs to them is never sent."),
}


class Subscribed(NamedTuple):
    """An app's subscription, where it was looked at."""

    found: AppSubscription | None
    plan: AppPlan
    callback_url: str | None


def judge_secrets(seen: Sequence[bool | Unseen], _: datetime) -> Iterator[Told]:
    """Each secret of an app, the newest first: Meta takes that one at least."""
    newest = seen[0] if seen else None
    if newest is None:
        yield red(
            "HOOKLINE_APP_SECRETS has no secret of this app, which an account is connected with",
            "Its deliveries are refused, and its tokens of no use.",
            _SECRET_REPAIR,
        )
    elif isinstance(newest, Unseen):
        yield unknown(newest)
    elif not newest:
        yield red(
            "Meta refuses the app's id and secret",
            "With another secret than Meta's all deliveries are refused with 401, and no call is "
            "answered.",
            _SECRET_REPAIR,
        )
    elif False in seen:
        yield yellow(
            "Meta takes the first secret, and refuses a further one",
            "Whatever is signed with the other one is still accepted.",
            "Take it out of HOOKLINE_APP_SECRETS, once the exchange is over.",
        )
    else:
        yield green("Meta takes the app's id and secret")


def judge_subscription(seen: Subscribed, _: datetime) -> Iterator[Told]:
    """Object, callback, fields.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/subscriptions-edge
    """
    problems = seen.plan.problems
    if problems:
        yield _problem(seen, problems)
    elif seen.callback_url is None:
        leads = seen.found.callback_url if seen.found else None
        told = f"it is subscribed, and where it should lead is not known (it does to {leads})"
        yield unknown(Unseen(told, "settings"))
    else:
        yield green(f"{', '.join(FIELDS)} go to {seen.callback_url}")


def _problem(seen: Subscribed, problems: Sequence[Problem]) -> Told:
    """The first one says the most; a callback that leads elsewhere is nobody's but a person's."""
    evidence, consequence = _PROBLEMS[problems[0]]
    found, missing = seen.found, [one for one in FIELDS if one in seen.plan.to_send]
    if problems[0] == "other_callback" and found is not None:
        evidence = f"{evidence}: {found.callback_url}"
    if problems[0] == "fields_missing":
        missing = [one for one in FIELDS if found is None or one not in found.versions]
        evidence = f"{evidence}: {', '.join(missing)}"
    repair = f"{APPLY}; where Meta refuses that, it prints the steps in the dashboard"
    if "other_callback" in problems:
        repair = f"Is that another line's? If not: {APPLY}"
        return red(evidence, consequence, repair)
    if seen.callback_url is None:
        return red(evidence, consequence, f"Set HOOKLINE_PUBLIC_URL, then: {repair}")
    return red(evidence, consequence, repair, fix="subscriptions apply")


def judge_versions(seen: Subscribed, _: datetime) -> Iterator[Told]:
    """Fields have versions of their own."""
    if seen.plan.outdated:
        versions = seen.found.versions if seen.found else {}
        told = ", ".join(f"{field} {versions.get(field)}" for field in seen.plan.outdated)
        moves = "other_callback" in seen.plan.problems or seen.callback_url is None
        yield red(
            f"the version has ended: {told}",
            "Another version's form is sent in its place.",
            APPLY,
            fix=None if moves else "subscriptions apply",
        )
    else:
        yield green("the versions of all fields are alive")


def _secrets(facts: Facts) -> Subjects[Sequence[bool | Unseen]]:
    if isinstance(facts.apps, Unseen):
        return [("app", facts.apps)]
    return [(f"app {app.app_id}", app.secrets) for app in facts.apps]


def _subscriptions(facts: Facts) -> Subjects[Subscribed]:
    if isinstance(facts.apps, Unseen):
        return [("app", facts.apps)]
    return [(f"app {app.app_id}", _subscribed(app)) for app in facts.apps]


def _subscribed(app: App) -> Subscribed | Unseen:
    if isinstance(app.subscription, Unseen):
        return app.subscription
    if app.plan is None:
        return Unseen("it could not be looked at", SECRET)
    return Subscribed(app.subscription, app.plan, app.callback_url)


def _existing(facts: Facts) -> Subjects[Subscribed]:
    """Without a subscription there are no versions."""
    return [
        (subject, seen)
        for subject, seen in _subscriptions(facts)
        if isinstance(seen, Unseen) or seen.found is not None
    ]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        SECRET,
        "That Meta takes each app's id with its secret, as an app access token.",
        "Deliveries are refused with 401, and no call is answered.",
        _SECRET_REPAIR,
        ("apps",),
        _secrets,
        judge_secrets,
    ),
    Check(
        SUBSCRIPTION,
        f"The app's subscription to `instagram`: there, active, at our callback, with "
        f"{', '.join(FIELDS)}.",
        "Meta sends nothing, not everything, or sends it somewhere else.",
        f"`{APPLY}`; where Meta refuses it, the steps in the dashboard that it prints.",
        ("apps",),
        _subscriptions,
        judge_subscription,
    ),
    Check(
        "field_versions",
        "The Graph version of each of these fields is alive.",
        "Another version's form is sent in its place.",
        f"`{APPLY}`",
        ("apps",),
        _existing,
        judge_versions,
    ),
)
