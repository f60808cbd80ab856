"""The GET that a callback is verified with. Owns the call, and what is told of a failed one.

Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import ssl
from dataclasses import dataclass, field
from typing import Final

import aiohttp

TIMEOUT_S: Final = 5.0

USER_AGENT: Final = "facebookplatform/1.0 (+http://developers.facebook.com)"


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a callback is asked, and has to echo."""

    callback_url: str
    verify_token: str = field(repr=False)
    challenge: str


async def problem_of(handshake: Handshake, timeout_s: float = TIMEOUT_S) -> str | None:
    """What was wrong with the callback's answer, in Meta's words; None: nothing."""
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": handshake.challenge,
        "hub.verify_token": handshake.verify_token,
    }
    timeout = aiohttp.ClientTimeout(timeout_s)
    headers = {"User-Agent": USER_AGENT}
    trusted = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    try:
        async with (
            aiohttp.ClientSession(connector=trusted, timeout=timeout, headers=headers) as session,
            session.get(handshake.callback_url, params=query, allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                return f"HTTP Status Code = {answer.status}; HTTP Message = {answer.reason}"
            echo = await answer.content.read(len(handshake.challenge) + 1)
    except TimeoutError:
        return "curl_errno = 28; curl_error = Operation timed out; HTTP Status Code = 0"
    except (aiohttp.ClientError, ValueError):
        return "curl_errno = 7; curl_error = Couldn't connect to server; HTTP Status Code = 0"
    return None if echo == handshake.challenge.encode() else "Response does not match challenge"
