"""Places where a process can be told to die, to prove that nothing is lost there."""

from enum import StrEnum


class CrashPoint(StrEnum):
    """Each lies between two steps of which the second one must not be the only one to matter."""

    INGEST_ACKED = "ingest_acked"
    """Kafka has the delivery, Meta has no answer."""

    EFFECT_DONE = "effect_done"
    """The SQL transaction is committed, its results are not published."""

    RESULTS_ACKED = "results_acked"
    """The results are in Kafka, the offsets are not committed."""

    DEAD_LETTER_ACKED = "dead_letter_acked"
    """A dead letter is in Kafka, the offset of its record is not committed."""

    REVOKED = "revoked"
    """A rebalance has begun, the batch in flight is not done."""

    SPOOL_DRAINED = "spool_drained"
    """Kafka has what was spooled, the spool does not know yet."""

    TASKS_TAKEN = "tasks_taken"
    """Reads are leased, the Graph API is not asked."""

    GRAPH_ANSWERED = "graph_answered"
    """The Graph API has answered, nothing is recorded."""

    READS_RECORDED = "reads_recorded"
    """Answers are recorded, not published."""

    READS_PUBLISHED = "reads_published"
    """Answers are in Kafka, their tasks have not ended."""

    REPLY_BEGUN = "reply_begun"
    """An answer is committed as being sent, and is not sent."""

    REPLY_ANSWERED = "reply_answered"
    """Meta has told what became of an answer, nothing is recorded."""

    REPLY_SETTLED = "reply_settled"
    """What became of an answer is recorded."""
