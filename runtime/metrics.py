"""The Prometheus metrics of workers, declared once (design B7). Ingest has its own.

A process tells what it has imported, so what is declared here is not told by ingest.
"""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from schemas import metrics as names

CHANGES: Final = Counter(
    names.CHANGES_TOTAL, "Changes by stage and what became of them.", ["stage", "field", "outcome"]
)
EVENT_AGE_SECONDS: Final = Histogram(
    names.EVENT_AGE_SECONDS,
    "From receipt to this stage having done it.",
    ["stage", "field"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 600, 3600),
)
LAG_RECORDS: Final = Gauge(
    names.LAG_RECORDS,
    "Records of a partition that a group has not committed.",
    ["topic", "partition", "group"],
)
SECONDS_UNTIL_DATA_LOSS: Final = Gauge(
    names.SECONDS_UNTIL_DATA_LOSS,
    "Until Kafka's retention may reach a topic's oldest record that a group has not committed; "
    "+Inf when none waits. Each replica tells it of its partitions: take the least.",
    ["topic", "group"],
)
DEAD_LETTERS: Final = Counter(
    names.DEAD_LETTERS_TOTAL, "Records rejected to dead letters.", ["stage", "reason"]
)
BREAKER_OPEN: Final = Gauge(
    names.BREAKER_OPEN,
    "1 while a stage consumes nothing, because too many of its records were dead letters.",
    ["stage"],
)
GAPS: Final = Counter(
    names.GAPS_TOTAL,
    "Ranges of offsets that Kafka no longer had when a group came to them: see table gaps.",
    ["topic", "group"],
)
LAST_DELIVERY: Final = Gauge(
    names.LAST_DELIVERY_TIMESTAMP_SECONDS,
    "When an account's latest change was received, in Unix seconds.",
    ["account"],
)
GRAPH_CALLS: Final = Counter(
    names.GRAPH_CALLS_TOTAL,
    "Graph API calls by what came of them: ok, what is to be done, or why there was no answer.",
    ["endpoint", "result"],
)
GRAPH_BUDGET_USED: Final = Gauge(
    names.GRAPH_BUDGET_USED_RATIO,
    "The share of an account's calls that Meta says is used; of the app's without an account.",
    ["account"],
)
GRAPH_VERSION_DIFFERS: Final = Gauge(
    names.GRAPH_VERSION_DIFFERS,
    "1 while the Graph API answers at another version than the pinned one.",
    ["version"],
)
GRAPH_VERSION_END: Final = Gauge(
    names.GRAPH_VERSION_END,
    "When the pinned Graph API version ends, in Unix seconds; +Inf when that is not known.",
    ["version"],
)
ACCOUNT_END: Final = Gauge(
    names.ACCOUNT_END,
    "When an account that is read has to be connected again at the latest, in Unix seconds; +Inf "
    "when it does not end.",
    ["account"],
)
SUBSCRIBED: Final = Gauge(
    names.SUBSCRIBED,
    "1 while an account's deliveries are sent to the app, 0 while its Page is not subscribed; NaN "
    "while that cannot be told.",
    ["account"],
)
APP_SUBSCRIBED: Final = Gauge(
    names.APP_SUBSCRIBED,
    "1 while an app is subscribed to all fields, at our callback where that is known; 0 while it "
    "is not; NaN while that cannot be told.",
    ["app"],
)
ACCOUNT_QUIET: Final = Gauge(
    names.ACCOUNT_QUIET,
    "1 while much less comes for an account than usual, and others' deliveries come.",
    ["account"],
)
LINE_SILENT: Final = Gauge(
    names.LINE_SILENT, "1 while nothing comes for any account, and that is not usual."
)
REPLIES: Final = Counter(
    names.REPLIES_TOTAL,
    "Answers by what became of them: planned, sent, failed, or unknown, which waits for a look or "
    "a person.",
    ["state"],
)
REPLY_RULES_BROKEN: Final = Gauge(
    names.REPLY_RULES_BROKEN,
    "1 while the file of rules cannot be used, and answers follow the rules from before.",
)
REPLY_RULES_LOADED: Final = Gauge(
    names.REPLY_RULES_LOADED, "When the rules in use were read, in Unix seconds; 0 without rules."
)
REPLY_PATTERN_TIMEOUTS: Final = Counter(
    names.REPLY_PATTERN_TIMEOUTS_TOTAL,
    "Texts over which the pattern of a rule took too long, which counts as no match.",
    ["rule"],
)
