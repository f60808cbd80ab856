"""A stop is over before anybody would cut it short."""

from ingest import processes, service
from ingest.spool import writer
from runtime import kafka, publisher
from runtime.lifecycle import CLOSE_TIMEOUT_S


def test_all_that_ingest_waits_for_fits_into_its_time() -> None:
    """Answers, the spool, and the producer, one after another; also in a child process."""
    client_s = kafka.STOP_TIMEOUT_S + kafka.CANCEL_TIMEOUT_S
    spool_s = writer.CLOSE_TIMEOUT_S
    wait_s = service.CLOSE_TIMEOUT_S + spool_s + publisher.FLUSH_TIMEOUT_S + client_s
    assert wait_s < processes.KILL_AFTER_S < CLOSE_TIMEOUT_S
