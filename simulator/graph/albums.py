"""Which media are parts of an album. Pure.

Source: https://developers.facebook.com/docs/instagram-api/guides/webhooks/ (limitations): a
notification does not tell the album, the comment's node does.
"""

from dataclasses import dataclass
from typing import Final

from simulator.graph.chance import happens

PREFIX: Final = "185"
"""Albums' ids begin with it, and no others of simulated traffic do."""

PARTS: Final = 5
"""So many neighbouring media are parts of one album."""


@dataclass(frozen=True, slots=True)
class Albums:
    """The albums of a seed: so many of all groups of neighbouring media are one."""

    seed: int
    share: float

    def album_of(self, media_id: str, product_type: str | None) -> str | None:
        """The album that media is part of; None for most, and for all but posts."""
        if product_type not in ("FEED", None) or is_album(media_id) or not media_id[3:].isdecimal():
            return None
        album_id = f"{PREFIX}{media_id[3:-1]}{int(media_id[-1]) // PARTS}"
        return album_id if happens(self.share, self.seed, "album", album_id) else None


def is_album(media_id: str) -> bool:
    """Whether an id is an album's."""
    return media_id.startswith(PREFIX)
