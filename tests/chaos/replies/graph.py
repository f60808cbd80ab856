"""The Graph API of a run: every write goes wrong, some mentions cannot be read."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from simulator.graph.options import GraphOptions
from tests.chaos.graph_api import Witness
from tests.chaos.replies.faults import EveryWrite
from tests.chaos.replies.verdict import Event, Written

UNREADABLE_SHARE: Final = 0.01


class FailingGraph(Witness):
    """Answers and fails by a seed."""

    def __init__(self, options: GraphOptions, seed: int, clock: Callable[[], float]) -> None:
        super().__init__(replace(options, deleted_share=0.0), clock)
        self.every_write = EveryWrite(seed, UNREADABLE_SHARE)
        self.faults = self.every_write

    @property
    def written(self) -> list[Written]:
        """All answers, in order."""
        return [Written(one.account_id, one.target, one.id) for one in self.writes]

    def cannot_be_answered(self, event: Event) -> bool:
        """Whether Meta gave a reason to leave it alone: not to be read, or hidden."""
        if event.event_id.startswith("mentions:"):
            return event.target in self.every_write.unreadable
        comment = self.contents.comment(event.target, [event.account_id], time.time())
        return bool(comment.values["hidden"])
