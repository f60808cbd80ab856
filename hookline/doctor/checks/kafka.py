"""Whether Kafka is there, with the topics that we need, copied and kept as they should be."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.facts import Facts, Kafka, Topic
from hookline.doctor.finding import Told, Unseen, green, red, yellow
from schemas.topics import TopicSpec

ROOT: Final = "kafka"

APPLY: Final = "hookline topics apply"

_MIN_IN_SYNC: Final = "min.insync.replicas"

_TOO_SMALL: Final = {
    "max.message.bytes": "Large deliveries are refused with 503, and lost in the end.",
    _MIN_IN_SYNC: "What was acknowledged may be on one disk only.",
    "retention.ms": "Kafka deletes records sooner: an outage of workers may lose what they lack.",
}


class Wanted(NamedTuple):
    """A topic as it should be, and as it is; None when it is not there."""

    spec: TopicSpec
    found: Topic | None
    brokers: int


def judge_reachable(seen: Kafka, _: datetime) -> Iterator[Told]:
    """It answered."""
    yield green(f"brokers: {seen.brokers}")


def judge_topic(seen: Wanted, _: datetime) -> Iterator[Told]:
    """Partitions, settings, copies."""
    spec, found, _brokers = seen
    if found is None:
        yield red("it is not there", "What belongs to it is refused.", APPLY, fix="topics apply")
    elif found.partitions < spec.partitions:
        yield red(
            f"partitions: {found.partitions} instead of {spec.partitions}",
            "Fewer replicas of a worker can share it.",
            APPLY,
            fix="topics apply",
        )
    else:
        yield from _settings(spec, found)


def _settings(spec: TopicSpec, found: Topic) -> Iterator[Told]:
    differing = {
        name: found.config.get(name)
        for name, value in spec.config.items()
        if found.config.get(name) != value
    }
    for name, value in differing.items():
        evidence = f"{name} is {value or 'not told'} instead of {spec.config[name]}"
        consequence = _TOO_SMALL.get(name, "Records may go before they were read.")
        if name == "cleanup.policy" or (name in _TOO_SMALL and _is_less(value, spec.config[name])):
            yield red(evidence, consequence, APPLY, fix="topics apply")
        else:
            yield yellow(evidence, "It is not as our settings have it.", APPLY)
    if not differing:
        yield green("partitions and settings as they should be")


def _is_less(value: str | None, wanted: str) -> bool:
    """Whether a number is less than the one wanted; -1 is without a limit."""
    try:
        found, least = int(value or ""), int(wanted)
    except ValueError:
        return True
    if found < 0:
        return False
    return least < 0 or found < least


def judge_copies(seen: Wanted, _: datetime) -> Iterator[Told]:
    """Whether each partition has a leader and its copies, now."""
    spec, found, brokers = seen
    if found is None:
        return
    least = int(found.config.get(_MIN_IN_SYNC) or 1)
    if found.leaderless:
        yield red(
            f"partitions without a leader: {found.leaderless}",
            "What belongs to them is neither taken nor read.",
            "Start the brokers that are away.",
        )
    elif found.in_sync < least:
        yield red(
            f"copies of a partition that are in sync: {found.in_sync}, and it needs {least}",
            "What belongs to it is not taken: ingest answers 503.",
            "Start the brokers that are away.",
        )
    elif found.copies < min(spec.replication_factor, brokers):
        yield red(
            f"copies of each record: {found.copies} instead of {spec.replication_factor}",
            "What was acknowledged is lost with one disk.",
            "Give the topic more copies with Kafka's own kafka-reassign-partitions.sh.",
        )
    elif found.in_sync < found.copies:
        yield yellow(
            f"copies of a partition that are in sync: {found.in_sync} of {found.copies}",
            "One broker less, and what was acknowledged may be gone, or nothing be taken.",
            "See to the broker that is away, or slow.",
        )
    else:
        yield green("every copy is in sync")


def _topics(facts: Facts) -> Subjects[Wanted]:
    seen = facts.kafka
    if isinstance(seen, Unseen):
        return [("topics", seen)]
    return [
        (spec.name, Wanted(spec, seen.topics.get(spec.name), seen.brokers)) for spec in seen.wanted
    ]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        ROOT,
        "That Kafka answers at HOOKLINE_KAFKA_BOOTSTRAP.",
        "Deliveries are answered 503, and no row comes.",
        "See that the brokers run, and HOOKLINE_KAFKA_* is right.",
        ("kafka",),
        lambda facts: [
            ("Kafka", facts.kafka)
            if isinstance(facts.kafka, Unseen)
            else (facts.kafka.bootstrap, facts.kafka)
        ],
        judge_reachable,
    ),
    Check(
        "topics",
        "Each topic: there, with its partitions, and the settings that `topics apply` gives it: "
        "`max.message.bytes`, `min.insync.replicas`, `retention.ms`, `cleanup.policy`.",
        "What belongs to it is refused, or goes too soon.",
        f"`{APPLY}`, with the settings of the services.",
        ("kafka",),
        _topics,
        judge_topic,
    ),
    Check(
        "copies",
        "Each partition: a leader, and as many copies in sync as it should have.",
        "Nothing is taken, or what was taken is lost with a disk.",
        "Start the brokers that are away.",
        ("kafka",),
        _topics,
        judge_copies,
    ),
)
