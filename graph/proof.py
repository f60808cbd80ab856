"""The proof that a call comes from the app's own server. Pure."""

import hmac


def appsecret_proof(token: str, app_secret: bytes) -> str:
    """The parameter `appsecret_proof` of a call with this access token: 64 hex digits.

    Source: https://developers.facebook.com/docs/graph-api/guides/secure-requests
    """
    return hmac.digest(app_secret, token.encode(), "sha256").hex()
