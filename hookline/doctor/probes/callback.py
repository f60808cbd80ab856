"""Asks the public address as Meta would, and as nobody should succeed."""

import asyncio
import io
import secrets
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from hookline.doctor.checks.callback import CERTIFICATE, LARGE_BYTES, ROOT, SIGNATURE
from hookline.doctor.facts import Callback, Certificate, Reply
from hookline.doctor.finding import Unseen
from schemas.decoding import UnreadableError, decode
from schemas.probe import USER_AGENT

TIMEOUT_S: Final = 10.0

LARGE_TIMEOUT_S: Final = 20.0
"""A slow line takes a while over the large body."""

MAX_ANSWER_BYTES: Final = 4096

BODY: Final = b'{"object": "instagram", "entry": []}'


async def look(url: str, verify_token: str | None, *, of_meta: bool) -> Callback | Unseen:
    """How the callback answers.

    Args:
        url: the callback.
        verify_token: the right one; None when it is not known.
        of_meta: whether Meta is to call it, and not a simulated Graph API.
    """
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context())
    headers = {"User-Agent": USER_AGENT}
    async with aiohttp.ClientSession(
        connector=connector, timeout=timeout, headers=headers, trust_env=False
    ) as session:
        asking = _Asking(session, url)
        certificate, peer, handshake, wrong_token, forged = await asyncio.gather(
            _certificate(url),
            _peer(url),
            asking.handshake(verify_token),
            asking.handshake(secrets.token_urlsafe(16)),
            asking.forged(BODY),
        )
        if isinstance(certificate, Certificate) and certificate.code is not None:
            blamed = Unseen("its certificate is not trusted", CERTIFICATE)
            handshake = wrong_token = forged = blamed
        if isinstance(forged, Reply) and forged.status == 401:
            padding = b" " * (LARGE_BYTES - len(BODY))
            large = await asking.forged(BODY + padding, LARGE_TIMEOUT_S)
        else:
            large = forged if isinstance(forged, Unseen) else Unseen("a small one fails", SIGNATURE)
    return Callback(url, peer, of_meta, certificate, handshake, wrong_token, forged, large)


class _Asking:
    """Requests to one callback. No redirect is followed: Meta follows none either."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def handshake(self, verify_token: str | None) -> Reply | Unseen:
        """The answer to a verification with this token."""
        if verify_token is None:
            return Unseen("HOOKLINE_VERIFY_TOKEN is not set", "settings")
        challenge = str(secrets.randbelow(10**10))
        query = {
            "hub.mode": "subscribe",
            "hub.challenge": challenge,
            "hub.verify_token": verify_token,
        }
        return await self._asked("GET", challenge, params=query)

    async def forged(self, body: bytes, timeout_s: float = TIMEOUT_S) -> Reply | Unseen:
        """The answer to a delivery whose signature has the right form, and is of no secret."""
        headers = {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={secrets.token_hex(32)}",
        }
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        return await self._asked(
            "POST", None, data=io.BytesIO(body), headers=headers, timeout=timeout
        )

    async def _asked(self, method: str, challenge: str | None, **options: Any) -> Reply | Unseen:
        try:
            async with self._session.request(
                method, self._url, allow_redirects=False, **options
            ) as response:
                body = await response.content.read(MAX_ANSWER_BYTES)
                return _reply(response.status, response.headers, body, challenge)
        except (aiohttp.ClientSSLError, ssl.SSLError):
            return Unseen("TLS fails", CERTIFICATE)
        except aiohttp.ClientConnectorDNSError:
            return Unseen("its name leads nowhere", ROOT)
        except TimeoutError:
            return Unseen("it does not answer in time", ROOT)
        except aiohttp.ClientConnectorError:
            return Unseen("nobody listens there", ROOT)
        except (aiohttp.ClientError, OSError) as error:
            return Unseen(f"the connection breaks ({type(error).__name__})", ROOT)


def _reply(status: int, headers: Mapping[str, str], body: bytes, challenge: str | None) -> Reply:
    content_type = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    echoes = challenge is not None and body == challenge.encode()
    return Reply(status, content_type, echoes, reason_in(body), _location(headers))


def reason_in(body: bytes) -> str | None:
    """The slug of an error body of Hookline's (design B2); None for any other body. Pure."""
    try:
        document = decode(body)
    except UnreadableError:
        return None
    error = document.get("error") if isinstance(document, dict) else None
    reason = error.get("reason") if isinstance(error, dict) else None
    is_slug = isinstance(reason, str) and reason.replace("_", "").isalnum() and len(reason) < 50
    return reason if is_slug else None


def _location(headers: Mapping[str, str]) -> str | None:
    """Where a redirect leads, without its query, which holds the verify token."""
    try:
        target = URL(headers.get("Location", ""))
    except ValueError:
        return None
    told = f"{target.host or ''}{target.path}"
    return told[:200] or None


async def _certificate(url: str) -> Certificate | Unseen | None:
    """What TLS shows; None without TLS."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https":
        return None
    context = ssl.create_default_context()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            _, writer = await asyncio.open_connection(
                host, parts.port or 443, ssl=context, server_hostname=host
            )
    except ssl.SSLCertVerificationError as error:
        return Certificate(code=error.verify_code, detail=error.verify_message)
    except ssl.SSLError as error:
        return Certificate(code=0, detail=f"TLS fails ({error.reason})")
    except (OSError, TimeoutError):
        return Unseen("no connection", ROOT)
    told = writer.get_extra_info("peercert") or {}
    writer.close()
    ends = ssl.cert_time_to_seconds(told["notAfter"])
    return Certificate(datetime.fromtimestamp(ends, UTC))


async def _peer(url: str) -> str | None:
    """The address that the name leads to from here; None when it leads nowhere."""
    parts = urlsplit(url)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = await loop.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError):
        return None
    return str(found[0][4][0]) if found else None
