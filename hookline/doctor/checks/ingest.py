"""What ingest says of itself: whether it can work, and what became of deliveries."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hookline.doctor.check import AnyCheck, Check, Judge, Subjects
from hookline.doctor.facts import Facts, Ingest
from hookline.doctor.finding import Told, ask, green, red, yellow
from ingest.failures import ALARM_RATIO

ROOT: Final = "ingest"

MISMATCH: Final = "signature_mismatch"

_UNSUBSCRIBES: Final = "After an hour of failures Meta may take the app off every account."

_NOT_READY: Final = {
    "kafka_unavailable": "See to kafka.",
    "topics_missing": "hookline topics apply",
    "draining": "It is stopping: see that another one runs.",
}


def judge_ready(seen: Ingest, _: datetime) -> Iterator[Told]:
    """Whether it can take deliveries."""
    if seen.not_ready is None:
        yield green("ready")
    else:
        yield red(
            f"not ready: {seen.not_ready}",
            f"Deliveries are answered 503. {_UNSUBSCRIBES}",
            _NOT_READY.get(seen.not_ready, "Its log tells why."),
        )


def judge_failures(seen: Ingest, _: datetime) -> Iterator[Told]:
    """The share of deliveries of the last 15 minutes that were not accepted."""
    share = f"{seen.failure_ratio:.0%} of the deliveries of the last 15 minutes were not accepted"
    if seen.failure_ratio < ALARM_RATIO:
        yield green(f"deliveries accepted: {seen.accepted:,}; {share}")
        return
    most = sorted(seen.refused.items(), key=lambda one: -one[1])[:3]
    reasons = ", ".join(f"{reason} {count:,}" for reason, count in most)
    yield red(
        f"{share}; reasons since it began: {reasons or 'not told'}",
        _UNSUBSCRIBES,
        "See to the reason: kafka_unavailable is Kafka's, signature_mismatch the app secret's; "
        "docs/troubleshooting.md has the others.",
    )


def judge_signatures(seen: Ingest, _: datetime) -> Iterator[Told]:
    """Wrong signatures while deliveries come.

    Anybody may send some. When nothing else comes, they are Meta's.
    """
    wrong = seen.refused.get(MISMATCH, 0)
    told = f"wrong signatures: {wrong:,}, deliveries accepted: {seen.accepted:,}"
    if wrong and not seen.accepted:
        yield red(
            told,
            "Meta signs with a secret that ingest does not have: every delivery is refused. "
            f"{_UNSUBSCRIBES}",
            "Copy the app secret from Meta's dashboard (Settings, Basic) into HOOKLINE_APP_SECRETS "
            "and start ingest again. If it is right, something before ingest changes bodies: let "
            "the proxy pass them on as they are.",
        )
    elif wrong > seen.accepted * ALARM_RATIO:
        yield yellow(
            told,
            "Some app signs with a secret that ingest does not have, or somebody sends what is not "
            "Meta's.",
            "Give ingest the secrets of all apps in HOOKLINE_APP_SECRETS; while one is exchanged "
            "the old and the new one.",
        )
    else:
        yield green(told)


def judge_spool(seen: Ingest, _: datetime) -> Iterator[Told]:
    """What waits on ingest's disk, and what does so for good."""
    if seen.kept_aside:
        yield red(
            f"files of the spool that were kept aside: {seen.kept_aside:,}",
            "What they hold is not in Kafka, and in no table.",
            "docs/spool.md tells what .corrupt and .refused are, and what to do.",
        )
    elif seen.spool_bytes:
        yield yellow(
            f"{seen.spool_bytes:,} bytes of deliveries wait for Kafka on ingest's disk",
            "Rows come once Kafka takes them.",
            "See to kafka.",
        )
    else:
        yield green("nothing waits in the spool")


def _judged(judge: Judge[Ingest]) -> Judge[Ingest | None]:
    """A judgement, or a word for the person where nobody told where ingest is."""

    def judged(seen: Ingest | None, now: datetime) -> Iterator[Told]:
        if seen is not None:
            yield from judge(seen, now)
        else:
            yield ask(
                "HOOKLINE_INGEST_URL is not set: ingest was not asked",
                "Whether it refuses deliveries, only its metrics tell.",
                "Set it, such as to http://127.0.0.1:8080; or look at "
                "hookline_deliveries_total and hookline_ingest_failure_ratio.",
            )

    return judged


def _subjects(facts: Facts) -> Subjects[Ingest | None]:
    seen = facts.ingest
    return [(seen.url if isinstance(seen, Ingest) else "ingest", seen)]


def _check(
    slug: str, looks_at: str, red_means: str, repair: str, judge: Judge[Ingest]
) -> Check[Ingest | None]:
    return Check(slug, looks_at, red_means, repair, ("ingest",), _subjects, _judged(judge))


CHECKS: Final[tuple[AnyCheck, ...]] = (
    _check(
        ROOT,
        "`/readyz` of ingest itself, at HOOKLINE_INGEST_URL.",
        f"Deliveries are not answered, or with 503. {_UNSUBSCRIBES}",
        "See that ingest runs, and that HOOKLINE_INGEST_URL is where it listens.",
        judge_ready,
    ),
    _check(
        "ingest_failures",
        "The share of deliveries of the last 15 minutes that ingest did not accept, from its "
        f"metrics: below {ALARM_RATIO:.0%}.",
        _UNSUBSCRIBES,
        "See to the reason that is told.",
        judge_failures,
    ),
    _check(
        "signatures",
        "Wrong signatures against accepted deliveries, since ingest began. The doctor's own do not "
        "count.",
        "Meta signs with another secret: everything is refused.",
        "The right app secret into HOOKLINE_APP_SECRETS; bodies unchanged on their way to ingest.",
        judge_signatures,
    ),
    _check(
        "spool",
        "What waits on ingest's disk, and what was kept aside there.",
        "Some deliveries are not in Kafka.",
        "See docs/spool.md.",
        judge_spool,
    ),
)
