"""All checks, group by group, and what they make of facts. Pure."""

from collections.abc import Collection
from typing import Final

from hookline.doctor.check import AnyCheck
from hookline.doctor.checks import (
    account,
    app,
    asking,
    callback,
    certificate,
    configured,
    database,
    delivery,
    disk,
    graph,
    group,
    ingest,
    kafka,
    stage,
)
from hookline.doctor.facts import Facts, Part
from hookline.doctor.finding import Finding, Unseen

GROUPS: Final[dict[str, tuple[AnyCheck, ...]]] = {
    "settings": configured.CHECKS,
    "callback": (*callback.CHECKS, *certificate.CHECKS),
    "ingest": ingest.CHECKS,
    "Meta": (*graph.CHECKS, *app.CHECKS),
    "accounts": account.CHECKS,
    "Kafka": (*kafka.CHECKS, *group.CHECKS),
    "PostgreSQL": (*database.CHECKS, *stage.CHECKS),
    "deliveries": delivery.CHECKS,
    "disks": disk.CHECKS,
    "for you to look at": asking.CHECKS,
}

CHECKS: Final[dict[str, AnyCheck]] = {
    check.slug: check for checks in GROUPS.values() for check in checks
}


def parts_of(slugs: Collection[str]) -> set[Part]:
    """What has to be looked at for these checks."""
    return {part for slug in slugs for part in CHECKS[slug].parts}


def examined(facts: Facts, slugs: Collection[str] = CHECKS) -> list[Finding]:
    """What these checks find, in the order of the handbook."""
    return [
        finding
        for name, checks in GROUPS.items()
        for check in checks
        if check.slug in slugs
        for finding in check.findings(name, facts)
    ]


def nothing_was_seen(facts: Facts) -> bool:
    """Whether nothing that was to be looked at elsewhere could be."""
    seen = (
        facts.callback,
        facts.ingest,
        facts.graph,
        facts.kafka,
        facts.groups,
        facts.database,
    )
    tried = [one for one in seen if one is not None and one != NOT_WANTED]
    away = [one for one in tried if isinstance(one, Unseen) and one.blame != configured.SLUG]
    return bool(away) and all(isinstance(one, Unseen) for one in tried)


NOT_WANTED: Final = Unseen("it was not asked for", "")
"""A part that no chosen check needs."""
