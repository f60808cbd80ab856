"""Rules, and events to ask them about, with what a test does not say filled in."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from tests.unit.workers.reply.factories import ACCOUNT, NOW
from workers.reply.deciding import Sent
from workers.reply.facts import Facts, person
from workers.reply.reply import Kind
from workers.reply.rules.rule import Rule

KINDS: list[Kind] = ["comment_mention", "caption_mention", "comment"]

texts = st.text(st.characters(categories=None), max_size=60)
"""Any, lone surrogates included."""


def rule(name: str = "thanks", **given: Any) -> Rule:
    """A rule that answers everything, as a file would tell it."""
    return Rule.model_validate({"name": name, "on": KINDS, "answers": ["Thank you!"], **given})


def facts(
    text: str | None = "Nice!",
    username: str | None = "ann",
    kind: Kind = "comment",
    *,
    number: int = 179,
    account: str = ACCOUNT,
    account_name: str | None = "brand",
    at: datetime = NOW,
) -> Facts:
    """What somebody wrote."""
    return Facts(
        event_id=f"comments:{account}:{number}",
        account_id=account,
        kind=kind,
        media_id="18",
        comment_id=str(number),
        thread_id=str(number),
        text=text,
        username=username,
        person=person(username, None),
        at=at,
        received_at=NOW,
        account_name=account_name,
    )


def sent(**changed: Any) -> Sent:
    """Nothing was sent yet, and what is to be answered was written now."""
    return Sent("thanks", NOW, [], 0, NOW)._replace(**changed)
