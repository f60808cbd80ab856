"""Meta's signature over a delivery. Owns who may publish. Pure: bytes in, verdict out."""

import hmac
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

HEADER: Final = "X-Hub-Signature-256"

_FORM: Final = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)


class SignatureError(Exception):
    """A delivery that Meta did not sign with a secret of ours. `reason` is a stable slug."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def signature_digest(values: Sequence[str]) -> str:
    """The digest in the signature headers of a request: exactly one, of the documented form.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started

    Raises:
        SignatureError: `signature_missing`, `signature_repeated` or `signature_malformed`.
    """
    if not values:
        raise SignatureError("signature_missing")
    if len(values) > 1:
        raise SignatureError("signature_repeated")
    if not _FORM.fullmatch(values[0]):
        raise SignatureError("signature_malformed")
    return values[0].removeprefix("sha256=")


def signing_app(secrets: Sequence[tuple[str, bytes]], body: bytes, digest: str) -> str:
    """The id of the app whose secret signed exactly these bytes.

    Several secrets are live while one is rotated. Each comparison takes constant time.

    Raises:
        SignatureError: `signature_mismatch`.
    """
    claimed = digest.encode()
    for app_id, secret in secrets:
        signed = _keyed(secret).copy()
        signed.update(body)
        if hmac.compare_digest(signed.hexdigest().encode(), claimed):
            return app_id
    raise SignatureError("signature_mismatch")


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """An HMAC that has taken in its key, which takes as long as a small body."""
    return hmac.new(secret, digestmod="sha256")
