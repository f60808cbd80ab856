"""What no API tells: for a person to look at, with what hints at it."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from hookline.accounts.account import NEEDED_SCOPES
from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Deliveries, Facts
from hookline.doctor.finding import Told, Unseen, ask
from hookline.doctor.meta import App
from hookline.moments import spoken

_ONLY_TESTS: Final = "only tests of the dashboard arrive, which need none of this"

Hint = str


def _arrives(facts: Facts) -> Hint:
    """What has arrived says most of all."""
    seen = facts.deliveries
    if isinstance(seen, Unseen):
        return "what arrives could not be looked at"
    if seen.real_at is not None:
        return f"real deliveries arrive, the latest {spoken(facts.now - seen.real_at)} ago"
    if seen.test_at is not None:
        return _ONLY_TESTS
    return "nothing has arrived yet"


def _reviewed(facts: Facts) -> Hint:
    """What Meta tells of permissions. What its words for them mean is nowhere documented."""
    if isinstance(facts.apps, Unseen):
        return "what the app was allowed could not be looked at"
    return "; ".join(_of_app(app) for app in facts.apps) or "no app is known"


def _of_app(app: App) -> Hint:
    if isinstance(app.reviewed, Unseen):
        return f"app {app.app_id}: {app.reviewed.why}"
    reviewed = app.reviewed
    told = [f"{scope} {reviewed[scope]}" for scope in NEEDED_SCOPES if scope in reviewed]
    missing = [scope for scope in NEEDED_SCOPES if scope not in reviewed]
    without = [f"without {', '.join(missing)}"] if missing else []
    return f"app {app.app_id}: Meta lists {', '.join([*told, *without]) or 'nothing'}"


def _question(
    slug: str, looks_at: str, where: str, consequence: str, hints: Callable[[Facts], Hint]
) -> Check[Hint]:
    """A question, with what hints at its answer. It needs nothing that could be away."""

    def subjects(facts: Facts) -> Subjects[Hint]:
        return [("app", hints(facts))]

    def judge(hint: Hint, _: datetime) -> Iterator[Told]:
        yield ask(hint, consequence, where)

    return Check(
        slug,
        looks_at,
        "Never red: no API tells.",
        where,
        ("deliveries", "apps"),
        subjects,
        judge,
    )


def _both(facts: Facts) -> Hint:
    return f"{_arrives(facts)}; {_reviewed(facts)}"


def _quiet(facts: Facts) -> Hint:
    seen = facts.deliveries
    quiet = (
        [one.account_id for one in seen.standings if one.activity == "quiet"]
        if isinstance(seen, Deliveries)
        else []
    )
    told = f"; quiet while others are not: {', '.join(quiet)}" if quiet else ""
    return f"{_arrives(facts)}{told}"


CHECKS: Final[tuple[AnyCheck, ...]] = (
    _question(
        "app_live",
        "Whether the app is in Live mode. Hint: in Development mode only the dashboard's tests "
        "arrive.",
        "Is the switch App Mode in Meta's dashboard at Live?",
        "In Development mode no real delivery is sent.",
        _arrives,
    ),
    _question(
        "advanced_access",
        "Whether the permissions have Advanced Access. Hint: what Meta lists as the app's "
        "permissions; the meaning of its words for their status is not documented.",
        "In Meta's dashboard, App Review, Permissions and Features: is it Advanced Access for "
        "each?",
        "Without it nothing is sent for accounts of people who have no role on the app; of "
        "comments and live comments nothing at all.",
        _both,
    ),
    _question(
        "business_verified",
        "Whether the business is verified.",
        "In Meta's Business settings, Security Centre: is the business verified?",
        "Without it Advanced Access is not given, and nothing is sent.",
        _arrives,
    ),
    _question(
        "media_owner_public",
        "Whether accounts, and the owners of media that mention them, are public.",
        "Are the accounts public, in Instagram's settings?",
        "Of media of a private account nothing is sent: no comment, no mention.",
        _quiet,
    ),
)
