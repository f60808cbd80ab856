"""Asks ingest itself whether it is ready, and for its metrics."""

from typing import Final

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from hookline.doctor.checks.ingest import ROOT
from hookline.doctor.facts import Ingest
from hookline.doctor.finding import Unseen
from hookline.doctor.probes.callback import reason_in
from schemas import metrics

TIMEOUT_S: Final = 5.0

_ACCEPTED: Final = frozenset({"accepted", "spooled"})


async def look(url: str) -> Ingest | Unseen:
    """What it says."""
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with aiohttp.ClientSession(timeout=timeout, trust_env=False) as session:
            async with session.get(f"{url}/readyz") as response:
                body = await response.read()
                not_ready = None if response.status == 200 else (reason_in(body) or "not told")
            async with session.get(f"{url}/metrics") as response:
                if response.status != 200:
                    return Unseen(f"its metrics are answered {response.status}", ROOT)
                text = await response.text()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        return Unseen(f"it does not answer at {url} ({type(error).__name__})", ROOT)
    return ingest_of(url, not_ready, text)


def ingest_of(url: str, not_ready: str | None, text: str) -> Ingest | Unseen:
    """What its metrics tell. Pure."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    try:
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    except ValueError:
        return Unseen("its metrics cannot be read", ROOT)
    if metrics.INGEST_FAILURE_RATIO not in found:
        return Unseen("what answers there is not ingest", ROOT)
    outcomes = {
        labels.get("outcome", ""): int(value)
        for labels, value in found.get(metrics.DELIVERIES_TOTAL, ())
    }

    def total(name: str) -> float:
        return sum(value for _, value in found.get(name, ()))

    return Ingest(
        url,
        not_ready,
        accepted=sum(count for name, count in outcomes.items() if name in _ACCEPTED),
        refused={name: count for name, count in outcomes.items() if name not in _ACCEPTED},
        failure_ratio=total(metrics.INGEST_FAILURE_RATIO),
        spool_bytes=int(total(metrics.SPOOL_BYTES)),
        kept_aside=int(total(metrics.SPOOL_KEPT_ASIDE_TOTAL)),
    )
