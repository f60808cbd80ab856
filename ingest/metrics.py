"""The Prometheus metrics of ingest, declared once (design B7)."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from schemas import metrics as names

DELIVERIES: Final = Counter(
    names.DELIVERIES_TOTAL, "Webhook deliveries by what became of them.", ["outcome"]
)
REFUSED_REQUESTS: Final = Counter(
    names.REFUSED_REQUESTS_TOTAL,
    "Refused requests that are no deliveries: handshakes, strangers' and the doctor's.",
    ["reason"],
)
INGEST_SECONDS: Final = Histogram(
    names.INGEST_SECONDS,
    "From the head of an accepted delivery's request to its acks.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
RECENT_DELIVERIES: Final = Gauge(
    names.INGEST_RECENT_DELIVERIES,
    "Deliveries of the last 15 minutes: accepted, and failed.",
    ["outcome"],
    multiprocess_mode="livesum",
)
FAILURE_RATIO: Final = Gauge(
    names.INGEST_FAILURE_RATIO,
    "The share of deliveries of the last 15 minutes that were not accepted.",
    multiprocess_mode="livemax",
)
INFLIGHT_BYTES: Final = Gauge(
    names.INFLIGHT_BYTES, "Body bytes held until Kafka has them.", multiprocess_mode="livesum"
)
SPOOL_BYTES: Final = Gauge(
    names.SPOOL_BYTES,
    "Bytes of deliveries on the disk: those that wait for Kafka, and those kept aside.",
    multiprocess_mode="livesum",
)
SPOOL_KEPT_ASIDE: Final = Counter(
    names.SPOOL_KEPT_ASIDE_TOTAL,
    "Files of the spool that did not go whole into Kafka and stay on the disk.",
    ["reason"],
)
