"""What stages left for a person: breakers that are open, gaps, dead letters, unknown answers."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Final

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Facts, Stages
from hookline.doctor.finding import Told, green, red, yellow
from hookline.moments import spoken

RECENT: Final = timedelta(days=7)
"""For so long a gap is red. Nobody can tell when it was seen to."""

_LOST: Final = "What they held is in no table, unless the archive has it."

_BRING_BACK: Final = (
    "hookline audit --kafka tells what is missing; hookline replay --from archive brings what the "
    "archive has. Keep records for longer than any outage: HOOKLINE_TOPIC_RETENTION_DAYS."
)


def judge_breakers(seen: Stages, now: datetime) -> Iterator[Told]:
    """Those that are open."""
    for stage, reason, opened_at in seen.breakers:
        yield red(
            f"it stopped by itself {spoken(now - opened_at)} ago: {reason}",
            "The stage reads nothing until somebody lets it go on; Kafka's retention runs.",
            f"hookline dead-letters stats --stage {stage}; repair the cause, then hookline "
            f"dead-letters resume --stage {stage}",
            subject=f"stage {stage}",
        )
    if not seen.breakers:
        yield green("none is open")


def judge_gaps(seen: Stages, now: datetime) -> Iterator[Told]:
    """What retention took, or a topic that was made anew."""
    for group, topic, ranges, latest_at in seen.gaps:
        age = now - latest_at
        evidence = (
            f"ranges of offsets that were gone before they were read: {ranges:,}, the latest "
            f"{spoken(age)} ago"
        )
        subject = f"{group} {topic}"
        if age < RECENT:
            yield red(evidence, _LOST, _BRING_BACK, subject=subject)
        else:
            yield yellow(evidence, _LOST, _BRING_BACK, subject=subject)
    if not seen.gaps:
        yield green("nothing was lost")


def judge_letters(seen: Stages, _: datetime) -> Iterator[Told]:
    """Those that wait for somebody."""
    for stage, count in sorted(seen.parked.items()):
        yield yellow(
            f"parked dead letters: {count:,}",
            "What they hold is in no table of its own.",
            f"hookline dead-letters stats --stage {stage} tells why, and what to do",
            subject=f"stage {stage}",
        )
    if not seen.parked:
        yield green("none is parked")


def judge_replies(seen: Stages, _: datetime) -> Iterator[Told]:
    """Those of which nobody knows whether they were sent."""
    if seen.unknown_replies:
        yield yellow(
            f"answers of which nobody knows whether they were sent: {seen.unknown_replies:,}",
            "They are not sent again by themselves: that might be twice.",
            "hookline replies list, then hookline replies settle",
        )
    else:
        yield green("the end of every answer is known")


def _of(name: str) -> Callable[[Facts], Subjects[Stages]]:
    return lambda facts: [(name, facts.stages)]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        "breakers",
        "That no stage has stopped by itself over too many dead letters.",
        "The stage reads nothing.",
        "`hookline dead-letters stats`; repair the cause; `hookline dead-letters resume`.",
        ("stages",),
        _of("breakers"),
        judge_breakers,
    ),
    Check(
        "gaps",
        f"Ranges of offsets that Kafka deleted unread (table `gaps`): red for {RECENT.days} days, "
        "yellow from then on.",
        "What they held is in no table, unless the archive has it.",
        "`hookline audit --kafka`, `hookline replay --from archive`, a longer retention.",
        ("stages",),
        _of("gaps"),
        judge_gaps,
    ),
    Check(
        "dead_letters",
        "Dead letters that wait for somebody: yellow.",
        "Never red by itself: many at once open a breaker.",
        "`hookline dead-letters stats`",
        ("stages",),
        _of("dead letters"),
        judge_letters,
    ),
    Check(
        "replies",
        "Answers of which nobody knows whether they were sent: yellow.",
        "Never red by itself.",
        "`hookline replies list`, `hookline replies settle`",
        ("stages",),
        _of("answers"),
        judge_replies,
    ),
)
