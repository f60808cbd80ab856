"""What faults, targets and failures are called, for a reader who does not know the code. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.chaos.check import wanted
from tests.chaos.injector import SLOW_BYTES_PER_S, SLOW_DELAY_S
from tests.chaos.replies.report import wrong as wrong_with_replies

SERVERS: Final = {
    "embedded": "One Kafka, one PostgreSQL",
    "cluster": "Three Kafka brokers, one PostgreSQL",
}

KINDS: Final = {
    "kill": "The process is killed without warning (SIGKILL), as when memory is short. What "
    "supervises it starts it again.",
    "pause": "The process stands still (SIGSTOP) with its connections open, as a frozen machine "
    "does, and goes on later.",
    "cut": "Every open connection is reset at once.",
    "refuse": "Nobody listens for a while: open connections are reset, new ones refused.",
    "stall": "Connections stay open and nothing passes for a while, new ones included.",
    "strand": "Connections that are open stay so and are never answered again: half-open, as "
    "when a router forgets them. Only new ones work.",
    "slow": f"Everything is {SLOW_DELAY_S * 1000:.0f} ms late, and at most "
    f"{SLOW_BYTES_PER_S / 1e6:g} MB/s pass.",
    "errors": "Most answers are 503, an error, no JSON, or cut off after the work was done.",
    "churn": "A replica of the worker is added every second, and the oldest one stopped or killed.",
    "disk full": "The disk has no byte left for a while. For the spool, Kafka is away as well: it "
    "is written only then.",
    "poison": "What can never be processed: it must become a dead letter, whole, and hurt nothing "
    "else.",
}

_SERVERS: Final = {
    "postgres": "PostgreSQL",
    "postgres-backend": "a server process of PostgreSQL",
    "postgres-disk": "PostgreSQL's disk",
    "kafka": "Kafka",
    "graph": "the Graph API",
    "spool": "ingest's spool, Kafka away",
    "ingest": "ingest",
}

_DONE: Final = {
    "kill": "killed",
    "pause": "paused",
    "churn": "replicas come and go",
    "disk full": "full",
    "cut": "connections reset",
    "refuse": "connections refused",
    "stall": "connections silent",
    "strand": "connections half-open",
    "slow": "connections slow",
    "errors": "answers errors",
}


def figure(count: int | None) -> str:
    """A count, or that there is none."""
    return "unknown" if count is None else f"{count:,}"


def name_of(target: str) -> str:
    """A target, as a reader knows it."""
    if target in _SERVERS:
        return _SERVERS[target]
    if target.startswith("kafka-"):
        return f"Kafka broker {target.partition('-')[2]}, which leads"
    return f"worker {target}"


def told(fault: Mapping[str, Any]) -> str:
    """A fault of the report, in a few words."""
    if fault["kind"] == "poison":
        return f"poison: {fault['target']}"
    return f"{name_of(fault['target'])}: {_DONE[fault['kind']]}"


def wrong(report: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it should be, a sentence each."""
    for stage in report["stages"]:
        where = SERVERS[stage["servers"]]
        for problem in stage["problems"]:
            yield f"{where}: {problem}"
        for check in stage["checks"]:
            if not check["holds"]:
                yield f"{where}: {check['name']}: {check['found']} (should be {wanted(check)})"
        for verb in stage["verbs"]:
            if not verb["holds"]:
                yield f"{where}: {verb['command']} ended with code {verb['code']}"
    if report["replies"] is not None:
        yield from (f"Answers: {one}" for one in wrong_with_replies(report["replies"]))
