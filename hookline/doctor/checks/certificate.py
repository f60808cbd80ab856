"""Whether Meta would trust the certificate of the public address, and for how long."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from hookline.doctor.check import AnyCheck, Check, Subjects
from hookline.doctor.checks.callback import CERTIFICATE, NOTHING_ARRIVES
from hookline.doctor.facts import Certificate, Facts
from hookline.doctor.finding import Told, Unseen, green, red, yellow
from hookline.moments import spoken

NOTICE: Final = timedelta(days=14)
"""Certificates of 90 days are renewed 30 days before they end: by then it has failed."""

_WRONG: Final = {
    9: ("it is not valid yet", "See to the clock here, and to that of whoever made it."),
    10: ("it has expired", "Renew it, and have it renewed by itself."),
    18: ("it is self-signed", "Use one of a public authority, such as Let's Encrypt."),
    19: ("its authority is nobody's", "Use one of a public authority, such as Let's Encrypt."),
    20: (
        "its chain is not complete, or its authority unknown",
        "Have the proxy send the intermediate certificates too (often the file fullchain.pem).",
    ),
    21: (
        "its chain is not complete",
        "Have the proxy send the intermediate certificates too (often the file fullchain.pem).",
    ),
    62: ("it is for another name", "Use one for the host of HOOKLINE_PUBLIC_URL."),
    64: ("it is for another address", "Use one for the host of HOOKLINE_PUBLIC_URL."),
}
"""Source: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""


def judge(seen: Certificate, now: datetime) -> Iterator[Told]:
    """The chain, and the days that are left.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    if seen.code is not None or seen.expires_at is None:
        other = (seen.detail or "no TLS", "See to TLS at the proxy.")
        wrong, repair = _WRONG.get(seen.code, other) if seen.code is not None else other
        yield red(
            f"the certificate is not trusted: {wrong}",
            f"Meta trusts it no more than we do. {NOTHING_ARRIVES}",
            repair,
        )
        return
    left = seen.expires_at - now
    if left < NOTICE:
        yield yellow(
            f"the certificate ends in {spoken(left)}",
            "From then on nothing of Meta's arrives.",
            "Renew it; see why it was not renewed by itself.",
        )
    else:
        yield green(f"trusted, for another {left.days} days")


def _subjects(facts: Facts) -> Subjects[Certificate]:
    seen = facts.callback
    if isinstance(seen, Unseen):
        return [("public address", seen)]
    return [] if seen.certificate is None else [(seen.url, seen.certificate)]


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        CERTIFICATE,
        "The certificate of the public address: a chain that a public authority stands for, the "
        f"right name, {NOTICE.days} days left at least.",
        "Meta does not connect: nothing arrives.",
        "Renew it, or have the proxy send its whole chain.",
        ("callback",),
        _subjects,
        judge,
    ),
)
