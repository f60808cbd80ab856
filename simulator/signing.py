"""The signature headers of a delivery, right and wrong ones. Owns no secret."""

import hashlib
import hmac
from enum import StrEnum
from typing import Final

from multidict import CIMultiDict

SHA256_HEADER: Final = "X-Hub-Signature-256"
SHA1_HEADER: Final = "X-Hub-Signature"

USER_AGENT: Final = "Webhooks/1.0 (https://fb.me/webhooks)"
"""The user agent of a captured delivery."""


class Signing(StrEnum):
    """How a delivery is signed. Everything but `valid` must be refused."""

    VALID = "valid"
    MISSING = "missing"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a kind of signature, not a secret
    OTHER_BODY = "other_body"
    UPPER_CASE = "upper_case"
    TRUNCATED = "truncated"
    NO_PREFIX = "no_prefix"
    NOT_ASCII = "not_ascii"
    EMPTY = "empty"
    DUPLICATE = "duplicate"
    SHA1_ONLY = "sha1_only"


def signature(body: bytes, secret: bytes, algorithm: str = "sha256") -> str:
    """`<algorithm>=` and the lower-case hex HMAC of the raw body under the app secret.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    return f"{algorithm}={hmac.new(secret, body, algorithm).hexdigest()}"


def headers(body: bytes, secret: bytes, signing: Signing = Signing.VALID) -> CIMultiDict[str]:
    """The headers of a captured delivery, with signatures of the given kind.

    `Host` and `Content-Length` are left to the HTTP client.
    """
    result = CIMultiDict(
        {
            "Content-Type": "application/json",
            "User-Agent": USER_AGENT,
            "Accept": "*/*",
            "Accept-Encoding": "gzip",
        }
    )
    if signing is not Signing.MISSING:
        result.add(SHA1_HEADER, signature(body, secret, "sha1"))
    for value in _sha256_values(body, secret, signing):
        result.add(SHA256_HEADER, value)
    return result


def _sha256_values(body: bytes, secret: bytes, signing: Signing) -> tuple[str, ...]:
    if signing in (Signing.MISSING, Signing.SHA1_ONLY):
        return ()
    if signing is Signing.WRONG_SECRET:
        return (signature(body, hashlib.sha256(secret).digest()),)
    if signing is Signing.OTHER_BODY:
        return (signature(body + b" ", secret),)
    right = signature(body, secret)
    prefix, _, digest = right.partition("=")
    spoilt = {
        Signing.UPPER_CASE: (f"{prefix}={_upper(digest)}",),
        Signing.TRUNCATED: (right[:-1],),
        Signing.NO_PREFIX: (digest,),
        Signing.NOT_ASCII: (f"{prefix}={'é' * 64}",),
        Signing.EMPTY: ("",),
        Signing.DUPLICATE: (right, right),
    }
    return spoilt.get(signing, (right,))


def _upper(digest: str) -> str:
    """Upper-case hex. A digest of digits alone has none, so one letter is forced into it."""
    upper = digest.upper()
    return upper if upper != digest else "A" + upper[1:]
