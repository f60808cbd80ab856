"""Meta's verification handshake. Pure: query in, answer out."""

import hmac
import re
from collections.abc import Mapping
from typing import Final, NamedTuple

_CHALLENGE: Final = re.compile(r"[A-Za-z0-9._-]{1,256}", re.ASCII)


class Refusal(NamedTuple):
    """Why a handshake is refused."""

    status: int
    reason: str
    message: str


def answer_handshake(query: Mapping[str, str], verify_token: bytes) -> str | Refusal:
    """The challenge to echo as text, or the refusal.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    if query.get("hub.mode") != "subscribe":
        return Refusal(403, "handshake_mode", "hub.mode must be subscribe.")
    given = query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
    if not hmac.compare_digest(given, verify_token):
        return Refusal(403, "handshake_token", "hub.verify_token is not the configured one.")
    challenge = query.get("hub.challenge", "")
    if not _CHALLENGE.fullmatch(challenge):
        return Refusal(400, "handshake_challenge", "hub.challenge is missing or malformed.")
    return challenge
