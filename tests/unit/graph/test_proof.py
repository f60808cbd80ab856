"""The proof that goes with a token."""

import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from graph.proof import appsecret_proof


@given(st.text(), st.binary())
def test_it_is_what_the_platform_page_says(token: str, secret: bytes) -> None:
    """Hex HMAC-SHA256 of the token, with the app's secret as key."""
    expected = hmac.new(secret, token.encode("utf-8", "surrogatepass"), hashlib.sha256)
    try:
        told = appsecret_proof(token, secret)
    except UnicodeEncodeError:
        return
    assert told == expected.hexdigest()


def test_a_known_pair() -> None:
    """RFC 4231, case 2: the key and the message are plain text."""
    assert appsecret_proof("what do ya want for nothing?", b"Jefe") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
