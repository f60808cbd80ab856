"""What of the findings can be repaired at once, and doing it, by verbs that are there anyway."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy.ext.asyncio import AsyncEngine

from hookline.doctor.finding import FIXES, Finding, Fix
from hookline.operations import recorded
from hookline.subscriptions import survey as at_meta
from hookline.subscriptions.page import advice
from migrations.apply import migrate
from runtime.configuration import NOTHING, load
from runtime.database import dispose, new_engine
from runtime.errors import DatabaseUnavailableError, DependencyError
from runtime.topics import apply_topics
from schemas.settings import MigrateSettings, SubscriptionsSettings, TopicsSettings

VERB: Final = "doctor"


def plan(findings: Sequence[Finding]) -> dict[Fix, list[Finding]]:
    """The verbs that would help, in their order, each with what it would repair. Pure."""
    wanted = {fix: [one for one in findings if one.fix == fix] for fix in FIXES}
    return {fix: found for fix, found in wanted.items() if found}


async def repair(
    wanted: Mapping[Fix, Sequence[Finding]],
    account_ids: Sequence[str],
    given: Mapping[str, str] = NOTHING,
) -> list[str]:
    """Runs these verbs, with a row in the audit. Gives what Meta refused, in words.

    Raises:
        SettingsError: settings of a verb are missing or wrong.
        HooklineError: a verb failed. What the ones before it did stays done.
    """
    settings = load(MigrateSettings, given)
    if "migrate" in wanted:  # before, there may be no audit
        await migrate(settings)
    arguments: dict[str, object] = {
        fix: [f"{one.check} {one.subject}" for one in found] for fix, found in wanted.items()
    }
    engine = new_engine(settings, VERB)
    refused: list[str] = []
    try:
        async with recorded(engine, VERB, arguments) as operation:
            operation.count("migrate", int("migrate" in wanted))
            if "topics apply" in wanted:
                changes = await apply_topics(load(TopicsSettings, given))
                operation.count("topics", len(changes))
            if "subscriptions apply" in wanted:
                of_meta = load(SubscriptionsSettings, given)
                sent, refused = await _subscribe(engine, of_meta, account_ids)
                operation.count("subscriptions", sent)
    except DatabaseUnavailableError as error:
        raise DependencyError(
            f"Nothing is repaired without PostgreSQL, where each repair is noted ({error})."
        ) from error
    finally:
        await dispose(engine)
    return refused


async def _subscribe(
    engine: AsyncEngine, settings: SubscriptionsSettings, account_ids: Sequence[str]
) -> tuple[int, list[str]]:
    """Subscribes what is missing; how many are, and what Meta refused. A callback that leads
    elsewhere stays: a person moves it."""
    wanted = await at_meta.subjects(engine, settings, account_ids)
    async with at_meta.subscribing(settings) as meta:
        before = await at_meta.survey(meta, wanted, lambda _: None)
        checks = [check for check in before if not check.moves]
        after = await at_meta.apply(engine, meta, checks, lambda _: None)
        left = at_meta.sendable(meta, after)
        refused = [f"{at_meta.name_of(one)}: {one.reason}. {advice(one) or ''}" for one in left]
        return len(at_meta.sendable(meta, checks)) - len(left), refused
