"""Values of `story_insights`.

Source: https://developers.facebook.com/docs/graph-api/webhooks/reference/instagram
"""

from typing import Final

from simulator.wire import Value
from simulator.world import World

SUPPRESSED: Final = -1
"""Stands for a count of fewer than five.

Source: https://developers.facebook.com/docs/instagram-api/guides/webhooks/
"""

METRICS: Final = ("exits", "replies", "reach", "taps_forward", "taps_back", "impressions")
"""The six metrics of every sample found, in the order of the platform's own."""

_SHARES: Final = (0.08, 0.01, 1.0, 0.6, 0.05, 1.2)


def usual(world: World) -> Value:
    """A story that many people saw: no metric is suppressed."""
    return _story(world, world.random.randrange(600, 60_000))


def suppressed(world: World) -> Value:
    """A story that few people saw: some metrics are -1, at least `replies`."""
    return _story(world, world.random.randrange(20, 80))


def all_suppressed(world: World) -> Value:
    """A story that hardly anybody saw."""
    return {"media_id": world.new_id("181"), **dict.fromkeys(METRICS, SUPPRESSED)}


def newer(world: World) -> Value:
    """A story with metrics that replaced the old ones, should the webhook ever carry them.

    Source: https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
    """
    reach = world.random.randrange(600, 60_000)
    return {
        "media_id": world.new_id("181"),
        "reach": reach,
        "replies": SUPPRESSED,
        "views": reach * 2,
        "navigation": reach // 2,
        "total_interactions": reach // 10,
    }


def revised(world: World, value: Value) -> Value:
    """The same story told again with greater counts. What was suppressed stays so."""
    grown = 1 + world.random.randrange(9)
    counts = {name: number for name, number in value.items() if name != "media_id"}
    return value | {n: c if c == SUPPRESSED else c + grown for n, c in counts.items()}


def _story(world: World, reach: int) -> Value:
    value: Value = {"media_id": world.new_id("181")}
    for name, share in zip(METRICS, _SHARES, strict=True):
        count = int(reach * share)
        # Zero is told as it is in the platform's sample; one to four are not told.
        value[name] = SUPPRESSED if 0 < count < 5 else count
    if reach < 80:
        value["replies"] = SUPPRESSED
    return value
