"""What dedupe decides: which changes are new contents, which are repeats. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from runtime.errors import RejectError
from runtime.worker import Record
from schemas.decoding import UnreadableError
from schemas.deliveries import MalformedDeliveryError, read_delivery
from schemas.events import WEBHOOK, Verdict
from schemas.identity import ClaimKey, Identity, identify
from schemas.splitting import Change, split
from schemas.topics import RAW_TOPICS


class ContentId(NamedTuple):
    """One content of one event: what a claim is held on."""

    event_id: str
    content_hash: str


class Sighting(NamedTuple):
    """One change as it was seen. `source` is what brought its delivery."""

    change: Change
    identity: Identity
    key: ClaimKey
    source: str = WEBHOOK

    @property
    def content_id(self) -> ContentId:
        """The content that was seen."""
        return ContentId(self.identity.event_id, self.identity.content_hash)


class Claim(NamedTuple):
    """A content and the least key that it was seen with so far."""

    content_id: ContentId
    key: ClaimKey


def sightings_in(record: Record) -> list[Sighting]:
    """The changes of a raw record that belong to its topic's field.

    A delivery with several fields stands in several topics; each reader takes its own changes.

    Raises:
        RejectError: not written by ingest (`malformed_delivery`), or a body that nobody can read
            (`not_json`, `too_deep`, `no_entry_list`).
    """
    try:
        delivery = read_delivery(record.headers, record.value)
        changes = split(delivery.body)
    except MalformedDeliveryError as error:
        raise RejectError("malformed_delivery", str(error)) from error
    except UnreadableError as error:
        raise RejectError(error.reason, "the body is archived as it came") from error
    field = RAW_TOPICS[record.source.topic]
    return [
        Sighting(
            change,
            identify(change, delivery.delivery_id),
            ClaimKey(delivery.received_at, delivery.delivery_id, change.position),
            delivery.source,
        )
        for change in changes
        if change.field == field
    ]


def least_by_content(sightings: Iterable[Sighting]) -> dict[ContentId, Sighting]:
    """Of each content, the sighting with the least key."""
    least: dict[ContentId, Sighting] = {}
    for sighting in sightings:
        content_id = sighting.content_id
        known = least.get(content_id)
        if known is None or sighting.key < known.key:
            least[content_id] = sighting
    return least


def lowered(
    least: Mapping[ContentId, Sighting], claims: Mapping[ContentId, ClaimKey]
) -> list[Claim]:
    """The claims that these sightings lower: they came earlier than what claimed the content."""
    return [
        Claim(content_id, sighting.key)
        for content_id, sighting in least.items()
        if sighting.key < claims[content_id]
    ]


def verdicts(sightings: Sequence[Sighting], claims: Mapping[ContentId, ClaimKey]) -> list[Verdict]:
    """The verdict of each sighting, by the claims as they now are.

    The one at its claim's key travels on: `first` when its event has no earlier content, else
    `amendment`. The same sighting after a crash gets the same verdict and travels again. All
    others are a `repeat`.
    """
    earliest: dict[str, ClaimKey] = {}
    for content_id, key in claims.items():
        known = earliest.get(content_id.event_id)
        if known is None or key < known:
            earliest[content_id.event_id] = key
    return [_verdict(sighting, claims, earliest) for sighting in sightings]


def _verdict(
    sighting: Sighting,
    claims: Mapping[ContentId, ClaimKey],
    earliest: Mapping[str, ClaimKey],
) -> Verdict:
    if sighting.key != claims[sighting.content_id]:
        return "repeat"
    if sighting.key == earliest[sighting.identity.event_id]:
        return "first"
    return "amendment"
