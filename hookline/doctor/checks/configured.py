"""Whether the doctor was told what it needs: the settings of the services, where it runs."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hookline.doctor.check import AnyCheck, Check
from hookline.doctor.facts import Configured
from hookline.doctor.finding import Told, green, red

SLUG: Final = "settings"

REPAIR: Final = "Set it here as the services have it: see docs/configuration.md."

_MEANS: Final = {
    "HOOKLINE_PUBLIC_URL": "Nobody can tell whether Meta reaches ingest.",
    "HOOKLINE_VERIFY_TOKEN": "Nobody can tell whether Meta's verification of the callback works.",
    "HOOKLINE_APP_SECRETS": "Nothing can be asked of Meta, and no signature be verified.",
    "HOOKLINE_VAULT_KEYS": "The tokens of connected accounts cannot be read.",
    "HOOKLINE_KAFKA_BOOTSTRAP": "Topics and workers cannot be looked at.",
    "HOOKLINE_DATABASE_URL": "Tables, accounts and what arrived cannot be looked at.",
}


def judge(seen: Configured, __: datetime) -> Iterator[Told]:
    """One finding for each setting that is missing or wrong."""
    for problem in seen.problems:
        variable, _, wrong = problem.partition(": ")
        means = _MEANS.get(variable.removesuffix("_FILE"), "What it is needed for is not known.")
        yield red(wrong, means, REPAIR, subject=variable)
    if not seen.problems:
        yield green("all that is needed is set")


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        SLUG,
        "That every setting is there that the doctor needs, and can be used.",
        "The conditions behind it cannot be looked at, and are unknown.",
        REPAIR,
        ("configured",),
        lambda facts: [("environment", facts.configured)],
        judge,
    ),
)
