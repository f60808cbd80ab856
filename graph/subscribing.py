"""Subscriptions looked at and mended: the calls beside the plan. Nothing here takes any away."""

from datetime import date
from typing import Final, Literal, NamedTuple, TypeAlias

from graph import requests
from graph.answers import Answer
from graph.client import Client, Credentials
from graph.errors import UNREADABLE, GraphUnavailableError
from graph.pages import App, Page
from graph.subscriptions import (
    AppPlan,
    AppSubscription,
    app_plan,
    app_subscription,
    is_list,
    page_fields,
    page_fields_to_send,
)

State: TypeAlias = Literal["subscribed", "missing", "unknown"]
"""`missing`: something does not come, or nothing. `unknown`: it cannot be looked at."""


class Refusal(NamedTuple):
    """Why a call had no success: a slug, Meta's code, and whether that passes by itself."""

    reason: str
    code: int | None = None
    passes: bool = False


CALLBACK_NOT_SET: Final = Refusal("callback_not_set")
"""It is not known where deliveries are to go, or what Meta says there."""

TOO_MANY_APPS: Final = Refusal("too_many_apps")
"""On a Page: what ours is subscribed to is somewhere beyond."""

MAX_PAGES: Final = 10
"""Of the list of apps that are on a Page."""

WITHOUT_EFFECT: Final = Refusal("without_effect")
"""Meta said that it was done, and it is not."""


class PageCheck(NamedTuple):
    """How a Page is subscribed to. `fields` are None when that cannot be told."""

    subject: Page
    fields: tuple[str, ...] | None
    refusal: Refusal | None = None

    @property
    def state(self) -> State:
        """Whether deliveries about the account are sent."""
        if self.fields is None:
            return "unknown"
        return "subscribed" if self.fields else "missing"

    @property
    def to_send(self) -> tuple[str, ...]:
        """The fields that would take the place of those found; empty when none are to."""
        return () if self.fields is None else page_fields_to_send(self.fields)

    @property
    def names(self) -> list[str]:
        """The fields that were found."""
        return list(self.fields or ())

    @property
    def moves(self) -> bool:
        """Whether sending takes deliveries away from somewhere else: a Page's never does."""
        return False

    @property
    def reason(self) -> str | None:
        """Why it is so, where it is not as it should be."""
        if self.refusal is not None:
            return self.refusal.reason
        return "not_subscribed" if self.state == "missing" else None


class AppCheck(NamedTuple):
    """How an app is subscribed. `plan` is None when that cannot be told."""

    subject: App
    found: AppSubscription | None
    plan: AppPlan | None
    refusal: Refusal | None = None

    @property
    def state(self) -> State:
        """Whether all is sent to us that should be."""
        if self.plan is None:
            return "unknown"
        return "missing" if self.plan.problems else "subscribed"

    @property
    def to_send(self) -> tuple[str, ...]:
        """The fields to be sent."""
        return () if self.plan is None else self.plan.to_send

    @property
    def names(self) -> list[str]:
        """The fields that were found."""
        return list(self.found.versions) if self.found else []

    @property
    def moves(self) -> bool:
        """Whether sending takes deliveries away from somewhere else."""
        return self.plan is not None and "other_callback" in self.plan.problems

    @property
    def reason(self) -> str | None:
        """Why it is so, where it is not as it should be."""
        if self.refusal is not None:
            return self.refusal.reason
        return self.plan.problems[0] if self.plan and self.plan.problems else None


Check: TypeAlias = PageCheck | AppCheck


class Subscribing:
    """Looks at subscriptions and mends them. What goes wrong is in the check that it gives."""

    def __init__(self, client: Client, callback_url: str | None, verify_token: str | None) -> None:
        """Without a callback an app can be looked at, but not mended."""
        self._client = client
        self._callback_url = callback_url
        self._callback = (callback_url, verify_token) if callback_url and verify_token else None

    def can_send(self, check: Check) -> bool:
        """Whether all that is needed to mend it is known."""
        return isinstance(check, PageCheck) or self._callback is not None

    async def check(self, subject: Page | App, today: date) -> Check:
        """How a Page or an app is subscribed: one call."""
        if isinstance(subject, Page):
            return await self._check_page(subject)
        return await self._check_app(subject, today)

    async def subscribe(self, check: Check, today: date) -> Check:
        """Sends what a check found to be sent, once, and looks again. Where that is not enough,
        the check it gives says why.

        Before Meta answers about an app, it asks the callback.
        """
        if isinstance(check, PageCheck):
            return await self._subscribe_page(check)
        return await self._subscribe_app(check, today)

    async def _check_page(self, page: Page) -> PageCheck:
        if page.page_id is None or page.credentials is None:
            return PageCheck(page, None, Refusal(page.problem or "no_page"))
        after: str | None = None
        for _ in range(MAX_PAGES):
            request = requests.page_subscriptions(page.page_id, after)
            answer = await self._listed(request, page.credentials)
            if isinstance(answer, Refusal):
                return PageCheck(page, None, answer)
            found, after = page_fields(answer.object or {}, page.app_id), answer.after
            if found or after is None:
                return PageCheck(page, found)
        return PageCheck(page, None, TOO_MANY_APPS)

    async def _subscribe_page(self, check: PageCheck) -> PageCheck:
        page = check.subject
        if not check.to_send or page.page_id is None or page.credentials is None:
            return check
        write = requests.page_subscribe(page.page_id, check.to_send)
        refusal = await self._write(write, page.credentials)
        after = await self._check_page(page)
        if after.fields is None or not after.to_send:
            return after
        return after._replace(refusal=refusal or WITHOUT_EFFECT)

    async def _check_app(self, app: App, today: date) -> AppCheck:
        if app.credentials is None:
            return AppCheck(app, None, None, Refusal("app_secret_missing"))
        answer = await self._listed(requests.app_subscriptions(app.app_id), app.credentials)
        if isinstance(answer, Refusal):
            return AppCheck(app, None, None, answer)
        found = app_subscription(answer.object or {})
        plan = app_plan(found, self._callback_url, today)
        unable = CALLBACK_NOT_SET if plan.problems and self._callback is None else None
        return AppCheck(app, found, plan, unable)

    async def _subscribe_app(self, check: AppCheck, today: date) -> AppCheck:
        app = check.subject
        if not check.to_send or app.credentials is None or self._callback is None:
            return check
        write = requests.app_subscribe(app.app_id, *self._callback, check.to_send)
        refusal = await self._write(write, app.credentials)
        after = await self._check_app(app, today)
        if after.plan is None or not after.plan.to_send:
            return after
        return after._replace(refusal=refusal or WITHOUT_EFFECT)

    async def _listed(
        self, request: requests.GraphRequest, credentials: Credentials
    ) -> Answer | Refusal:
        """A list of subscriptions, or a part of it."""
        try:
            answer = await self._client.read(request, credentials)
        except GraphUnavailableError as error:
            return Refusal(error.reason, passes=True)
        if answer.object is not None and not is_list(answer.object):
            return Refusal(UNREADABLE.reason, passes=True)
        return _refusal(answer) or answer

    async def _write(self, write: requests.GraphWrite, credentials: Credentials) -> Refusal | None:
        """Writes once; what became of it, who looks again sees."""
        try:
            return _refusal(await self._client.write(write, credentials))
        except GraphUnavailableError as error:
            return Refusal(error.reason, passes=True)


def _refusal(answer: Answer) -> Refusal | None:
    if answer.verdict is None:
        return None
    code = answer.error.code if answer.error else None
    return Refusal(answer.verdict.reason, code, answer.verdict.passes)
