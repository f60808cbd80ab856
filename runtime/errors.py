"""The error tree. A class says what to do: try again, reject the record, or stop."""


class HooklineError(Exception):
    """Something went wrong. `reason` is a stable slug for logs and metrics."""

    reason = "error"


class RetryError(HooklineError):
    """A dependency cannot do it now. Nothing is lost: the work is tried again, with backoff."""

    reason = "retry"


class KafkaUnavailableError(RetryError):
    """Kafka did not acknowledge in time. Check that the brokers run and can be reached."""

    reason = "kafka_unavailable"


class RecordTooLargeError(KafkaUnavailableError):
    """A topic refused a record for its size. Run `hookline topics apply`: it makes the topics take
    what INGEST_MAX_BODY_BYTES allows."""


class DatabaseUnavailableError(RetryError):
    """PostgreSQL cannot be reached, or asked to try again. Check that it runs."""

    reason = "database_unavailable"


class StatementTimeoutError(DatabaseUnavailableError):
    """PostgreSQL took longer over a statement than it may. What holds locks, or is it too slow?
    Fewer rows at once may do."""


class RejectError(HooklineError):
    """A record cannot be processed, now or ever. It becomes a dead letter with this reason."""

    reason = "rejected"

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class StopError(HooklineError):
    """The process cannot go on and stops, with nothing committed that is not done."""

    reason = "stop"


class DependencyError(StopError):
    """A dependency is unreachable or not as needed at the start. Exit code 3."""

    reason = "dependency"


class SchemaBehindError(DependencyError):
    """The database is behind the revision that this release needs. Run `hookline migrate`."""

    reason = "schema_behind"


class TopicsMissingError(DependencyError):
    """Kafka lacks topics that this service needs. Run `hookline topics apply`."""

    reason = "topics_missing"


class SettingsError(HooklineError):
    """Settings are missing or wrong. `problems` names each one, without any value."""

    reason = "settings"

    def __init__(self, problems: list[str]) -> None:
        listed = "".join(f"\n  {problem}" for problem in problems)
        what = "1 setting is" if len(problems) == 1 else f"{len(problems)} settings are"
        super().__init__(f"{what} missing or wrong:{listed}")
        self.problems = problems
