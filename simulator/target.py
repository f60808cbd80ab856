"""Where deliveries go. Owns the rule that load stays on this machine."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

WEBHOOK_PATH: Final = "/webhooks/instagram"


class RemoteTargetError(ValueError):
    """The target is not on this machine. Load goes elsewhere only when that is asked for."""


@dataclass(frozen=True, slots=True)
class Target:
    """A receiver of deliveries, and the app whose secret signs them.

    Attributes:
        url: of the receiver; the webhook's path is added.
        app_secret: the key of the signatures.
        app_id: the app's name, for reports only.
    """

    url: str
    app_secret: bytes = field(repr=False)
    app_id: str = "simulated"

    @property
    def webhook_url(self) -> str:
        """Where deliveries are posted."""
        return self.url.rstrip("/") + WEBHOOK_PATH

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to connect to."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def require_local(url: str) -> None:
    """Lets a URL pass when its host is this machine: `localhost`, 127.0.0.0/8 or ::1.

    No name is looked up: a name that happens to lead here today may lead elsewhere tomorrow.

    Raises:
        RemoteTargetError: it is not.
    """
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return
    try:
        local = ip_address(host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise RemoteTargetError(f"{host or 'the target'} is not this machine")
