"""What the simulator can be told. Owns where to send and what to sign with."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, SecretStr

from schemas.settings import Settings
from simulator.target import Target


def _http_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be http://host:port")
    return url


def _app_secrets(secret: SecretStr) -> SecretStr:
    for pair in secret.get_secret_value().split(","):
        app_id, colon, key = pair.strip().partition(":")
        if not app_id or not colon or not key:
            raise ValueError("must be app_id:secret, several separated by commas")
    return secret


class SimulateSettings(Settings):
    """What `hookline simulate send` and `burst` can be told."""

    ingest_url: Annotated[str, AfterValidator(_http_url)] = Field(
        "http://127.0.0.1:8080", description="Where the simulator sends deliveries."
    )
    app_secrets: Annotated[SecretStr, AfterValidator(_app_secrets)] = Field(
        description="`app_id:secret`, several separated by commas; the simulator signs as the "
        "first, unless told another app id."
    )

    def target(self, url: str | None = None, app_id: str | None = None) -> Target:
        """The receiver, with the secret of `app_id` or of the first app.

        Raises:
            KeyError: there is no secret for that app.
        """
        pairs = (pair.strip() for pair in self.app_secrets.get_secret_value().split(","))
        secrets = {app: key for app, _, key in (pair.partition(":") for pair in pairs)}
        chosen = next(iter(secrets)) if app_id is None else app_id
        return Target(url or self.ingest_url, secrets[chosen].encode(), chosen)
