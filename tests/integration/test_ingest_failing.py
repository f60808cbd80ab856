"""Ingest tells when too many of its answers fail: within the hour Meta takes the app away."""

from multidict import CIMultiDict
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from simulator.signing import headers
from tests.integration.broker import Broker, until
from tests.integration.service import SECRET, running_ingest
from tests.integration.test_ingest_answers import body_of

METRIC = "hookline_ingest_failure_ratio"


async def test_a_wrong_secret_is_an_alarm(broker: Broker) -> None:
    """Once, and not for what anybody may send."""
    body = body_of("comments")
    async with running_ingest(broker.bootstrap) as ingest:
        with capture_logs() as logs:
            for _ in range(10):
                assert (await ingest.post(body, headers(body, SECRET))).status == 200
                assert (await ingest.post(body, CIMultiDict())).status == 401
            await until(lambda: REGISTRY.get_sample_value(METRIC) == 0)
            for _ in range(10):
                assert (await ingest.post(body, headers(body, b"another"))).status == 401
            await until(lambda: REGISTRY.get_sample_value(METRIC) == 0.5)
    told = [log for log in logs if log["event"] == "ingest_failing"]
    assert [log["log_level"] for log in told] == ["error"]
