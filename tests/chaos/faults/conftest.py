"""The Kafka and the databases that integration tests have."""

from tests.integration.conftest import (
    broker,
    empty_database_url,
    ingest,
    shared_database_url,
    worker_settings,
)

__all__ = ["broker", "empty_database_url", "ingest", "shared_database_url", "worker_settings"]
