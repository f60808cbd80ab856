"""Asks Meta about apps: whether it takes their secrets, and what they are subscribed to."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import date

from graph import requests
from graph.answers import Answer
from graph.client import Credentials
from graph.subscriptions import app_plan, app_subscription
from hookline.doctor.checks.app import SECRET
from hookline.doctor.checks.graph import ROOT
from hookline.doctor.finding import Unseen
from hookline.doctor.meta import App
from hookline.doctor.probes.asking import Asking

REFUSED = Unseen("Meta refuses the app's id and secret", SECRET)


async def look(
    asking: Asking,
    app_ids: Iterable[str],
    secrets: Sequence[tuple[str, bytes]],
    callback_url: str | None,
    today: date,
) -> tuple[App, ...]:
    """These apps, each once, in order."""
    asked = (
        _app(
            asking, one, [secret for known, secret in secrets if known == one], callback_url, today
        )
        for one in sorted(set(app_ids))
    )
    return tuple(await asyncio.gather(*asked))


async def _app(
    asking: Asking,
    app_id: str,
    secrets: Sequence[bytes],
    callback_url: str | None,
    today: date,
) -> App:
    if not app_id.isdecimal():  # as each of Meta's is
        return App(app_id, tuple(False for _ in secrets), REFUSED, None, callback_url, REFUSED)
    request = requests.app_subscriptions(app_id)
    keys = [Credentials(f"{app_id}|{secret.decode()}", secret) for secret in secrets]
    answers = [await asking.read(request, one) for one in keys]
    taken = tuple(_is_taken(one) for one in answers)
    for credentials, answer in zip(keys, answers, strict=True):
        if isinstance(answer, Answer) and answer.verdict is None:
            found = app_subscription(answer.object or {})
            plan = app_plan(found, callback_url, today)
            reviewed = await _reviewed(asking, app_id, credentials)
            return App(app_id, taken, found, plan, callback_url, reviewed, answer.api_version)
    unseen = next((one for one in answers if isinstance(one, Unseen)), REFUSED)
    return App(app_id, taken, unseen, None, callback_url, unseen)


def _is_taken(answer: Answer | Unseen) -> bool | Unseen:
    """Whether Meta took the secret."""
    return answer if isinstance(answer, Unseen) else answer.verdict is None


async def _reviewed(
    asking: Asking, app_id: str, credentials: Credentials
) -> dict[str, str] | Unseen:
    """The permissions that Meta lists for the app, with its word for each."""
    answer = await asking.read(requests.app_permissions(app_id), credentials)
    if isinstance(answer, Unseen):
        return answer
    told = (answer.object or {}).get("data")
    if answer.verdict is not None or not isinstance(told, list):
        return Unseen("Meta does not list them", ROOT)
    return {
        one["permission"]: status if isinstance(status := one.get("status"), str) else "–"
        for one in told
        if isinstance(one, dict) and isinstance(one.get("permission"), str)
    }
