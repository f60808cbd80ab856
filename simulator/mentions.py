"""Values of `mentions`: two ids, and no more.

Source: https://developers.facebook.com/docs/instagram-api/guides/webhooks/
"""

from simulator.wire import Value
from simulator.world import World


def in_comment(world: World) -> Value:
    """Somebody named the account in a comment on media that it does not own."""
    return {"comment_id": world.comment_id(), "media_id": world.foreign_media_id()}


def in_caption(world: World) -> Value:
    """Somebody named the account in a caption: there is no comment."""
    return {"media_id": world.foreign_media_id()}
