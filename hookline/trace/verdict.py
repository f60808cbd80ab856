"""What an archived signature is worth now, with the secrets of today. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ingest.signature import SignatureError, signature_digest, signing_app

Standing: TypeAlias = Literal["verified", "no_secret_matches", "no_secrets_configured"]


@dataclass(frozen=True, slots=True)
class SignatureVerdict:
    """Whether Meta signed exactly these bytes, and with the secret of which app."""

    standing: Standing
    app_id: str | None = None


def verify_again(
    secrets: Sequence[tuple[str, bytes]], body: bytes, signature: str
) -> SignatureVerdict:
    """The verdict of ingest's own check over the archived bytes and header."""
    if not secrets:
        return SignatureVerdict("no_secrets_configured")
    try:
        return SignatureVerdict(
            "verified", signing_app(secrets, body, signature_digest([signature]))
        )
    except SignatureError:
        return SignatureVerdict("no_secret_matches")


def is_intact(body: bytes, sha256: str) -> bool:
    """Whether the body is the one whose sha256 was stored beside it."""
    return hashlib.sha256(body).hexdigest() == sha256
