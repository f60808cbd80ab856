"""The proof of replies as one JSON document. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from tests.chaos.check import Check, wanted
from tests.chaos.replies.run import Proof


def document(proof: Proof) -> dict[str, Any]:
    """What was found; null where it did not come so far."""
    verdict, day = proof.verdict, proof.day
    return {
        "holds": proof.holds,
        "problems": proof.problems,
        "events": verdict and verdict.events,
        "answered": verdict and verdict.answered,
        "doubled": verdict and verdict.doubled,
        "skipped": verdict and verdict.skipped,
        "states": verdict.states if verdict else {},
        "reasons": verdict.reasons if verdict else {},
        "checks": _checks(verdict.checks if verdict else ()),
        "writes": dict(sorted(proof.met.items())),
        "deaths": proof.deaths,
        "verbs": [{**asdict(answer), "holds": answer.holds} for answer in proof.answers],
        "put_forward_s": round(proof.passed_s),
        "day": {
            "events": day and day.events,
            "answered": day and day.answered,
            "came_back": day and day.came_back,
            "checks": _checks(day.checks if day else ()),
        },
        "took_s": round(proof.took_s, 1),
    }


def _checks(checks: Iterable[Check]) -> list[dict[str, Any]]:
    return [{**asdict(check), "holds": check.holds} for check in checks]


def wrong(told: Mapping[str, Any]) -> Iterator[str]:
    """What is not as it should be, a sentence each."""
    yield from told["problems"]
    for check in (*told["checks"], *told["day"]["checks"]):
        if not check["holds"]:
            yield f"{check['name']}: {check['found']} (should be {wanted(check)})"
    for verb in told["verbs"]:
        if not verb["holds"]:
            yield f"{verb['command']} ended with code {verb['code']}"
