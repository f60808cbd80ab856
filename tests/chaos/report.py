"""The report as one JSON document (design B8). Pure."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from simulator.report import State, percentile
from tests.chaos.meta import Beat
from tests.chaos.replies.report import document as replies_document
from tests.chaos.replies.run import Proof
from tests.chaos.run import Hit, Stage
from tests.chaos.schedule import Kind

GOAL_S: Final = 10.0
"""The recovery that is aimed at, after what was hit is there again."""

EVENTFUL_S: Final = 2.0
"""What is sent so shortly before a fault may still meet it."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a reader has to know besides the stages."""

    seed: int
    minutes: float
    rate_per_s: float
    begun: str
    took_s: float
    versions: Mapping[str, str]
    machine: Mapping[str, str]


def document(run: Run, stages: Sequence[Stage], replies: Proof | None = None) -> dict[str, Any]:
    """The whole report; without `replies` where their proof was not asked for."""
    told = [_stage(stage) for stage in stages]
    kept = [stage.holds for stage in stages] + ([replies.holds] if replies is not None else [])
    sums = {
        name: _sum(one[name] for one in told)
        for name in (
            "acknowledged",
            "stored",
            "lost",
            "doubled",
            "dead_letters_expected",
            "dead_letters_unexpected",
            "given_up",
        )
    }
    return {
        "holds": bool(kept) and all(kept),
        **sums,
        "faults": [
            {"servers": stage.servers, **_fault(hit)} for stage in stages for hit in stage.hits
        ],
        "recovery_goal_s": GOAL_S,
        "latency_ms": _latencies([beat for stage in stages for beat in stage.beats]),
        "latency_calm_ms": _latencies([one for stage in stages for one in calm(stage)]),
        "seed": run.seed,
        "minutes": run.minutes,
        "rate_per_s": run.rate_per_s,
        "begun": run.begun,
        "took_s": round(run.took_s, 1),
        "versions": dict(run.versions),
        "machine": dict(run.machine),
        "stages": told,
        "replies": replies_document(replies) if replies is not None else None,
    }


def calm(stage: Stage) -> list[Beat]:
    """The deliveries that met no fault and no recovery from one."""
    spans = [(hit.at_s - EVENTFUL_S, hit.recovered_s) for hit in stage.hits]
    return [
        beat
        for beat in stage.beats
        if not any(
            begin_s <= beat.sent_s and (end_s is None or beat.sent_s <= end_s)
            for begin_s, end_s in spans
        )
    ]


def _stage(stage: Stage) -> dict[str, Any]:
    verdict, sending = stage.verdict, stage.sending
    return {
        "servers": stage.servers,
        "holds": stage.holds,
        "problems": stage.problems,
        "acknowledged": verdict and verdict.acknowledged,
        "stored": verdict and verdict.stored,
        "lost": verdict and verdict.lost,
        "doubled": verdict and verdict.doubled,
        "dead_letters_expected": verdict and verdict.dead_letters_expected,
        "dead_letters_unexpected": verdict and verdict.dead_letters_unexpected,
        "given_up": sending and sending.states[State.GIVEN_UP],
        "changes": verdict.changes if verdict else {},
        "enrichment": verdict.enrichment if verdict else {},
        "checks": [
            {**asdict(check), "holds": check.holds} for check in (verdict.checks if verdict else ())
        ],
        "verbs": [{**asdict(answer), "holds": answer.holds} for answer in stage.answers],
        "left_out": stage.left_out,
        "sending": sending.summary() if sending else {},
        "took_s": round(stage.took_s, 1),
        "versions": stage.versions,
        "beats": [
            [round(beat.sent_s, 2), _ms(beat.sent_s, beat.acked_s), _ms(beat.sent_s, beat.stored_s)]
            for beat in stage.beats
        ],
    }


def _sum(counts: Iterable[int | None]) -> int | None:
    """None where a stage did not come so far: nothing found is not nothing lost."""
    known = list(counts)
    return None if None in known else sum(one for one in known if one is not None)


def _fault(hit: Hit) -> dict[str, Any]:
    recovered_s = hit.recovered_s
    return {
        "kind": str(hit.fault.kind),
        "target": hit.target,
        "at": round(hit.at_s, 2),
        "lasted_s": round(hit.back_s - hit.at_s, 2),
        "recovery_s": None if recovered_s is None else round(recovered_s - hit.back_s, 2),
        "planned_at": hit.fault.at_s,
        "planned_s": hit.fault.duration_s,
        "together": hit.together,
        "expected_dead_letter": hit.fault.kind is Kind.POISON,
    }


def _latencies(beats: Sequence[Beat]) -> dict[str, dict[str, float | None]]:
    """Quantiles of the time to the answer and to the row."""
    answers = array("d", (one.acked_s - one.sent_s for one in beats if one.acked_s is not None))
    rows = array("d", (one.stored_s - one.sent_s for one in beats if one.stored_s is not None))
    return {"answer": _quantiles(answers), "row": _quantiles(rows)}


def _quantiles(seconds: "array[float]") -> dict[str, float | None]:
    quantiles = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    return {name: _rounded(percentile(seconds, share)) for name, share in quantiles.items()}


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 1)


def _ms(begin_s: float, end_s: float | None) -> float | None:
    return None if end_s is None else round((end_s - begin_s) * 1000, 1)
