"""Subscriptions for people and for machines, and what to do by hand. No token comes here."""

from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.table import Table
from rich.text import Text

from graph.pages import App
from graph.subscribing import AppCheck, Check, PageCheck
from graph.subscriptions import FIELDS
from hookline.console import page
from schemas.settings import WEBHOOK_PATH

_STYLES: Final = {"subscribed": "green", "missing": "red", "unknown": "yellow"}

_ADVICE: Final = {
    "not_subscribed": "hookline subscriptions apply",
    "inactive": "hookline subscriptions apply",
    "fields_missing": "hookline subscriptions apply",
    "other_callback": "is that another line's? If not: hookline subscriptions apply",
    "callback_not_set": "set HOOKLINE_PUBLIC_URL and HOOKLINE_VERIFY_TOKEN, or use the dashboard",
    "permission_missing": "grant pages_manage_metadata, then connect the account again",
    "capability_missing": "the app may not make such calls: see its products in the App Dashboard",
    "no_page": "connect the account again: hookline accounts connect",
    "app_secret_missing": "add the app to HOOKLINE_APP_SECRETS",
    "app_secret_wrong": "HOOKLINE_APP_SECRETS: is the app's first one that of the App Dashboard?",
    "vault_key_missing": "add the key that the token was encrypted with to HOOKLINE_VAULT_KEYS",
    "graph_refused_2200": "Meta asked the callback and got no right answer: can it be reached from "
    "outside by HTTPS, and has ingest the same verify token?",
    "too_many_apps": "remove apps from the Page, in its settings, that nobody uses",
    "without_effect": "Meta said that it was done, and it is not: try again later, then in its "
    "Graph API Explorer",
    "graph_did_not": "Meta told no reason: try again later, then in its Graph API Explorer",
}

_OTHERWISE: Final = "Meta refuses it: its Graph API Explorer tells more of the code"


def advice(check: Check) -> str | None:
    """What to do about it; None where all is well, or it passes."""
    reason = check.reason
    if reason is None or (check.refusal and check.refusal.passes):
        return None
    if reason.startswith("token_"):
        return "connect the account again: hookline accounts connect"
    return _ADVICE.get(reason, _OTHERWISE)


def needs_dashboard(check: Check) -> bool:
    """Whether an app has to be subscribed by hand: Meta refuses it, or we know not where to."""
    return isinstance(check, AppCheck) and check.state == "missing" and check.refusal is not None


def dashboard_steps(app_id: str, callback_url: str | None) -> list[str]:
    """How an app is subscribed in Meta's dashboard.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    return [
        f"Open https://developers.facebook.com/apps/{app_id}/webhooks/ (product Webhooks).",
        "Choose the object Instagram, then Subscribe to this object, or Edit subscription.",
        f"Callback URL: {callback_url or f'https://<your host>{WEBHOOK_PATH}'}",
        "Verify token: what ingest has as HOOKLINE_VERIFY_TOKEN. Include Values: yes.",
        "Verify and save: Meta asks ingest at once.",
        f"Subscribe to {', '.join(FIELDS)}, at the newest version.",
        "Look again: hookline subscriptions status",
    ]


def document(checks: Sequence[Check], callback_url: str | None, **more: Any) -> dict[str, Any]:
    """The JSON document."""
    return {
        **more,
        "callback_url": callback_url,
        "apps": [_app(one, callback_url) for one in checks if isinstance(one, AppCheck)],
        "accounts": [_page(one) for one in checks if isinstance(one, PageCheck)],
    }


def _told(check: Check) -> dict[str, Any]:
    return {
        "state": check.state,
        "reason": check.reason,
        "code": check.refusal and check.refusal.code,
        "to_send": list(check.to_send),
        "advice": advice(check),
    }


def _page(check: PageCheck) -> dict[str, Any]:
    about = check.subject
    names = {"account_id": about.account_id, "username": about.username, "page_id": about.page_id}
    return {**names, **_told(check), "fields": check.names}


def _app(check: AppCheck, callback_url: str | None) -> dict[str, Any]:
    found, plan, app_id = check.found, check.plan, check.subject.app_id
    return {
        "app_id": app_id,
        **_told(check),
        "problems": list(plan.problems) if plan else [],
        "callback_url": found and found.callback_url,
        "active": found and found.is_active,
        "fields": dict(found.versions) if found else {},
        "outdated": list(plan.outdated) if plan else [],
        "steps": dashboard_steps(app_id, callback_url) if needs_dashboard(check) else [],
    }


def show(checks: Sequence[Check], callback_url: str | None) -> None:
    """Prints them, and what to do by hand."""
    console = page()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for name in ("", "state", "fields", "to be sent", "what to do"):
        table.add_column(name)
    for check in checks:
        table.add_row(
            _name(check),
            Text(_state(check), style=_STYLES[check.state]),
            _fields(check),
            Text(", ".join(check.to_send)),
            Text(advice(check) or ""),
        )
    console.print(table)
    if all(isinstance(check, AppCheck) for check in checks):
        console.print("No account is connected. Connect some: hookline accounts connect")
    for check in filter(needs_dashboard, checks):
        app_id = check.subject.app_id
        console.print(Text(f"\nApp {app_id} has to be subscribed in Meta's dashboard:", "bold"))
        for number, step in enumerate(dashboard_steps(app_id, callback_url), start=1):
            console.print(Text(f"{number}. {step}"), soft_wrap=True)


def _name(check: Check) -> Text:
    subject = check.subject
    if isinstance(subject, App):
        return Text(f"app {subject.app_id}")
    return Text(" @".join(filter(None, (subject.account_id, subject.username))))


def _state(check: Check) -> str:
    code = f", code {check.refusal.code}" if check.refusal and check.refusal.code else ""
    reason = f" ({check.reason}{code})" if check.reason else ""
    return f"{check.state}{reason}"


def _fields(check: Check) -> Text:
    if isinstance(check, PageCheck) or check.found is None:
        return Text(", ".join(check.names) or "–")
    told = [f"{name} {version or ''}".strip() for name, version in check.found.versions.items()]
    return Text(f"{', '.join(told) or '–'} → {check.found.callback_url or '–'}")
