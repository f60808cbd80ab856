"""Whether Meta's requests get to ingest through the public address, as they were sent."""

import ipaddress
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from hookline.doctor.check import AnyCheck, Check, Seen, Subjects
from hookline.doctor.facts import Callback, Facts, Reply
from hookline.doctor.finding import Told, Unseen, ask, green, red
from schemas.settings import WEBHOOK_PATH

ROOT: Final = "callback"
CERTIFICATE: Final = "callback_certificate"
SIGNATURE: Final = "callback_signature"

LARGE_BYTES: Final = 3 * 512 * 1024
"""More than the 1 MiB that proxies and servers take where nobody raised their limit."""

NOTHING_ARRIVES: Final = "Nothing of Meta's arrives; it gives up after 36 hours."
NO_VERIFICATION: Final = "Meta's verification fails, so the app cannot be subscribed."

_PASS_ON: Final = f"Let the proxy pass GET and POST of {WEBHOOK_PATH} on to ingest, unchanged"

_BEHIND: Final = (
    f"Something answers, and ingest does not. {_PASS_ON}, and look whether ingest runs: /readyz."
)
_OPEN: Final = f"{_PASS_ON}: without a login, firewall rules or a check of CSRF tokens before it."
_DIRECT: Final = (
    "Give Meta the address that answers itself (https, the exact host, with or without www, no "
    "slash at the end): HOOKLINE_PUBLIC_URL, then hookline subscriptions apply."
)
_SAME_WORD: Final = (
    "Give ingest and the doctor the HOOKLINE_VERIFY_TOKEN that stands in Meta's dashboard, and "
    "start ingest again."
)

_HANDSHAKE: Final[dict[str | None, tuple[str, str]]] = {
    "handshake_token": ("ingest has another HOOKLINE_VERIFY_TOKEN than the doctor", _SAME_WORD),
    "handshake_mode": (
        "the query did not reach ingest",
        f"{_PASS_ON}, with its query: the names in it contain dots.",
    ),
    "handshake_challenge": (
        "the query reached ingest damaged",
        f"{_PASS_ON}, with its query: the names in it contain dots.",
    ),
    "not_found": ("the path did not reach ingest as it was sent", f"{_PASS_ON}, with its path."),
    "method_not_allowed": ("the method did not reach ingest as it was sent", f"{_PASS_ON}."),
}
"""What ingest's own refusals mean here."""

_FORGED: Final[dict[str | None, tuple[str, str]]] = {
    "signature_missing": (
        "the header X-Hub-Signature-256 did not reach ingest",
        f"{_PASS_ON}, with all of its headers.",
    ),
    "signature_malformed": (
        "the header X-Hub-Signature-256 reached ingest changed",
        f"{_PASS_ON}, with all of its headers as they are.",
    ),
    "signature_repeated": (
        "the header X-Hub-Signature-256 reached ingest twice",
        f"{_PASS_ON}, with each header once.",
    ),
    "content_encoding": (
        "something before ingest encodes bodies anew",
        f"{_PASS_ON}, body included: no compression on the way in.",
    ),
    "body_incomplete": ("the body did not reach ingest whole", f"{_PASS_ON}, body included."),
    "not_found": ("the path did not reach ingest as it was sent", f"{_PASS_ON}, with its path."),
    "method_not_allowed": ("the POST did not reach ingest as one", f"{_PASS_ON}."),
    "inflight_limit": (
        "too many bytes wait for Kafka",
        "See to kafka; HOOKLINE_INGEST_MAX_INFLIGHT_BYTES is the limit.",
    ),
}


def judge_address(seen: Callback, _: datetime) -> Iterator[Told]:
    """Whether Meta could get there at all."""
    parts = urlsplit(seen.url)
    host = parts.hostname or ""
    if not seen.of_meta:
        if parts.scheme == "https":
            yield green("https, as Meta needs it")
        else:
            yield ask(
                "http, which the simulated Graph API takes and Meta does not",
                "Before you turn to Meta, ingest needs an address with a certificate.",
                "Then put a proxy with one before ingest, and set HOOKLINE_PUBLIC_URL.",
            )
    elif parts.scheme != "https":
        yield red(
            "HOOKLINE_PUBLIC_URL is no https address",
            f"Meta takes no other. {NO_VERIFICATION}",
            "Put a proxy with a public certificate before ingest, and set HOOKLINE_PUBLIC_URL to "
            "its https address.",
        )
    elif _is_inside(host):
        yield red(
            f"{host} is an address that nobody reaches from outside",
            NO_VERIFICATION,
            "Set HOOKLINE_PUBLIC_URL to the address by which Meta reaches ingest.",
        )
    elif seen.peer is not None and _is_inside(seen.peer):
        yield ask(
            f"from here the name leads to {seen.peer}, which is not the way that Meta takes",
            "What the doctor sees through it may not be what Meta sees.",
            f"Run the doctor, or curl {seen.url}, from a network outside: 403 is right there.",
        )
    else:
        yield green(f"https, at {seen.peer}" if seen.peer else "https")


def _is_inside(host: str) -> bool:
    """Whether an address, or a name, is one of a network inside."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def judge_handshake(seen: Reply, _: datetime) -> Iterator[Told]:
    """Meta's verification with the right token: the challenge, and nothing else.

    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started
    """
    page = seen.content_type == "text/html"
    if seen.status == 200 and seen.echoes and not page:
        yield green("Meta's verification is answered with its challenge")
    elif seen.status == 200:
        what = "as a web page" if page and seen.echoes else "with something else than its challenge"
        yield red(f"Meta's verification is answered {what}", NO_VERIFICATION, _BEHIND)
    elif seen.reason in _HANDSHAKE:
        evidence, repair = _HANDSHAKE[seen.reason]
        yield red(f"{seen.status}: {evidence}", NO_VERIFICATION, repair)
    else:
        yield _otherwise(seen, NO_VERIFICATION)


def judge_wrong_token(seen: Reply, _: datetime) -> Iterator[Told]:
    """The same with a wrong token."""
    if seen.status == 403:
        yield green("a wrong verify token is refused with 403")
    elif seen.status == 200 and seen.echoes:
        yield red(
            "a wrong verify token is accepted",
            "Anybody can have the callback confirmed for an app of theirs.",
            "Something that echoes every challenge stands before ingest, or in its place. "
            f"{_PASS_ON}.",
        )
    else:
        yield _otherwise(seen, "What answers is not ingest, or not ingest alone.")


def judge_forged(seen: Reply, _: datetime) -> Iterator[Told]:
    """A delivery with a wrong signature: 401, by ingest. It never gets to Kafka."""
    if seen.status == 401 and seen.reason == "signature_mismatch":
        yield green("a delivery with a wrong signature is refused with 401")
    elif 200 <= seen.status <= 299:
        yield red(
            f"a delivery with a wrong signature is answered {seen.status}",
            "Something that verifies nothing takes deliveries: Meta's may end there, and anybody's "
            "invented ones are taken.",
            f"See who answers there. {_PASS_ON}.",
        )
    elif seen.reason in _FORGED:
        evidence, repair = _FORGED[seen.reason]
        yield red(f"{seen.status}: {evidence}", "All deliveries are refused.", repair)
    else:
        yield _otherwise(seen, NOTHING_ARRIVES)


def judge_large(seen: Reply, _: datetime) -> Iterator[Told]:
    """A delivery of many changes is large, and must get through."""
    size = f"{LARGE_BYTES / 1024**2:g} MiB"
    if seen.status == 401:
        yield green(f"a body of {size} gets through to ingest")
    elif seen.reason == "body_too_large":
        yield red(
            f"ingest takes no body of {size}",
            "Large deliveries are lost once Meta stops to send them again.",
            "Raise HOOKLINE_INGEST_MAX_BODY_BYTES, for topics and workers as well: 32 MiB is safe.",
        )
    elif seen.status == 413:
        yield red(
            f"413: something before ingest takes no body of {size}",
            "A delivery may hold 1000 changes and 26 MB: those are lost once Meta stops to send "
            "them again.",
            "Raise the proxy's limit of bodies to 32 MiB: client_max_body_size 32m in nginx.",
        )
    else:
        yield _otherwise(seen, "Large deliveries do not arrive.")


def _otherwise(seen: Reply, consequence: str) -> Told:
    """What an answer means that ingest would not give."""
    status = seen.status
    if 300 <= status <= 399:
        where = f" to {seen.location}" if seen.location else ""
        return red(
            f"{status}: it redirects{where}", f"Meta does not follow. {consequence}", _DIRECT
        )
    if status in (401, 403, 407, 429):
        return red(f"{status}, and not by ingest: something refuses it", consequence, _OPEN)
    if status in (404, 405, 410, 421):
        return red(f"{status}: another server answers there", consequence, _BEHIND)
    if status >= 500:
        return red(f"{status}: nothing answers behind the proxy", consequence, _BEHIND)
    return red(f"it is answered {status}", consequence, _BEHIND)


def _of(part: Callable[[Callback], Seen | Unseen]) -> Callable[[Facts], Subjects[Seen]]:
    """One part of what was seen of the callback."""

    def subjects(facts: Facts) -> Subjects[Seen]:
        seen = facts.callback
        if isinstance(seen, Unseen):
            return [("public address", seen)]
        return [(seen.url, part(seen))]

    return subjects


CHECKS: Final[tuple[AnyCheck, ...]] = (
    Check(
        ROOT,
        "A GET through HOOKLINE_PUBLIC_URL, as Meta verifies a callback, with the right verify "
        "token: 200, the challenge and nothing else, and no redirect.",
        NOTHING_ARRIVES,
        "See that the name leads to the proxy and the proxy to ingest, from outside too: "
        f"{WEBHOOK_PATH}.",
        ("callback",),
        _of(lambda seen: seen.handshake),
        judge_handshake,
    ),
    Check(
        "callback_address",
        "The address itself: https, and reachable from outside.",
        NO_VERIFICATION,
        "Put a proxy with a public certificate before ingest.",
        ("callback",),
        _of(lambda seen: seen),
        judge_address,
    ),
    Check(
        "callback_wrong_token",
        "The same GET with a wrong verify token: 403.",
        "Whoever answers accepts anybody.",
        _BEHIND,
        ("callback",),
        _of(lambda seen: seen.wrong_token),
        judge_wrong_token,
    ),
    Check(
        SIGNATURE,
        "A POST with a signature of the right form that is wrong: 401 from ingest. So headers get "
        "through, ingest verifies, and nothing invented is taken. It does not count as a delivery, "
        "and nothing of it gets to Kafka.",
        "Deliveries are refused, or swallowed, or anybody's are taken.",
        _OPEN,
        ("callback",),
        _of(lambda seen: seen.forged),
        judge_forged,
    ),
    Check(
        "callback_size",
        f"The same with a body of {LARGE_BYTES / 1024**2:g} MiB, beyond what proxies take unless "
        "they are told.",
        "Large deliveries are lost.",
        "Raise the proxy's limit of bodies to 32 MiB, and give it time: 10 s at least.",
        ("callback",),
        _of(lambda seen: seen.large),
        judge_large,
    ),
)
