"""How ingest refuses a request that is no delivery."""

import structlog
from aiohttp import web

from ingest import metrics
from runtime.health import error_response

log = structlog.get_logger()


def refused(
    status: int, reason: str, message: str, headers: dict[str, str] | None = None
) -> web.Response:
    """The answer; counted and logged under the same slug."""
    metrics.REFUSED_REQUESTS.labels(reason).inc()
    log.warning("request_refused", reason=reason, status=status)
    return error_response(status, reason, message, headers)
