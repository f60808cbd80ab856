"""What our own answers come back as: deliveries of a second generation, which nobody may answer.

An answer is a comment. It comes back to the account whose media it stands on, who may be the one
that wrote it, and to every account that it names. Webhooks and the Graph API tell who wrote it, or
something less.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from simulator.graph.chance import pick
from simulator.graph.directory import Account
from simulator.graph.faults import Fault, Faults
from simulator.graph.graph import Graph
from simulator.graph.writes import Write
from simulator.wire import Entry, Notification, Value, encode, envelope
from tests.chaos.replies.faults import UNREADABLE, WRITES


class Author(StrEnum):
    """What the webhook tells of who wrote it."""

    WHOLE = "whole"
    OLD = "without self_ig_scoped_id"
    SCOPED = "an id that nobody knows, and the name"
    ID_ALONE = "an id that nobody knows"
    NULL = "null"
    NONE = "nothing"


class Read(StrEnum):
    """What the Graph API tells of it."""

    NAMED = "who wrote it"
    UNNAMED = "not who wrote it"
    NOTHING = "nothing, for good"


class Form(NamedTuple):
    """How an answer comes back.

    Attributes:
        author: as the webhook has it.
        read: as the Graph API has it.
        times: how often it is delivered.
    """

    author: Author
    read: Read
    times: int


FORMS: Final = tuple(
    Form(author, read, times) for author in Author for read in Read for times in (1, 2)
)


class Return(NamedTuple):
    """A delivery for an account, which is about a comment that we wrote."""

    account_id: str
    field: str
    body: bytes


def form_of(seed: int, write: Write) -> Form:
    """How an answer comes back, by chance. Pure."""
    return pick(FORMS, seed, "comes back", write.id)


def returns_of(graph: Graph, write: Write, form: Form) -> Iterator[Return]:
    """The deliveries that follow from an answer; the Graph API tells of it as the form has it."""
    accounts = graph.directory.accounts
    writer = accounts[write.account_id]
    media_id, owner_id = place_of(graph, write)
    value = {
        "id": write.id,
        "parent_id": write.target,
        "text": write.message,
        "media": {"id": media_id, "media_product_type": "FEED"},
        **_author(form.author, writer),
    }
    if owner_id in accounts:
        yield _return(graph, owner_id, "comments", value, write)
    for account in accounts.values():
        if f"@{account.username}" in write.message and account.id not in (owner_id, writer.id):
            named = {"media_id": media_id, "comment_id": write.id}
            yield _return(graph, account.id, "mentions", named, write)
    told = _told(writer, write.message, form.read)
    graph.contents.give(write.id, told)


def place_of(graph: Graph, write: Write) -> tuple[str, str | None]:
    """The media that an answer stands on, and whose it is; None: nobody's that we know."""
    register = graph.contents.register
    comment = register.comments.get(write.target)
    if comment is not None:
        return comment.media_id or "", comment.account_id
    mention = register.mentions[write.target, write.account_id]
    return mention.media_id, graph.contents.owner(mention.media_id)


def _return(graph: Graph, account_id: str, field: str, value: Value, write: Write) -> Return:
    entry = Entry(account_id, int(write.at_s), [Notification(field, value)])
    made = Return(account_id, field, encode(envelope([entry])))
    graph.tell(made.body)
    return made


def _author(author: Author, writer: Account) -> Mapping[str, Any]:
    scoped_id = f"99{writer.id[2:]}"
    told: Mapping[Author, Mapping[str, Any]] = {
        Author.WHOLE: {
            "from": {
                "id": writer.id,
                "username": writer.username,
                "self_ig_scoped_id": writer.self_ig_scoped_id,
            }
        },
        Author.OLD: {"from": {"id": writer.id, "username": writer.username}},
        Author.SCOPED: {"from": {"id": scoped_id, "username": writer.username.upper()}},
        Author.ID_ALONE: {"from": {"id": scoped_id}},
        Author.NULL: {"from": None},
        Author.NONE: {},
    }
    return told[author]


def _told(writer: Account, message: str, read: Read) -> Mapping[str, Any]:
    """What reads tell. Meta takes `@` out of texts on media that are not one's own."""
    told: dict[str, Any] = {"hidden": False, "text": message.replace("@", "")}
    if read is Read.NAMED:
        author = {"id": writer.id, "username": writer.username}
        return {**told, "username": writer.username, "from": author}
    return {**told, "username": None, "from": None}


class Comings(Faults):
    """Some writes are answered when what they wrote has come back already, or never.

    Attributes:
        forms: how each answer comes back, by its id. What the Graph API tells nothing of, it
            refuses.
    """

    def __init__(self, seed: int, late_ms: int) -> None:
        super().__init__(seed)
        self.forms: dict[str, Form] = {}
        self._write_seed = seed
        self._late = Fault(kind="slow_after", delay_ms=late_ms)

    def of_request(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> list[Fault]:
        """A third is late, a third is never answered."""
        if endpoint not in WRITES:
            return super().of_request(endpoint, object_id, account_id, is_write=is_write)
        return pick(([], [self._late], [NEVER]), self._write_seed, "answered", object_id)

    def of_call(
        self, endpoint: str, object_id: str, account_id: str | None, *, is_write: bool = False
    ) -> Fault | None:
        """Refuses what is not told."""
        form = self.forms.get(object_id)
        if form is not None and form.read is Read.NOTHING and not is_write:
            return UNREADABLE
        return super().of_call(endpoint, object_id, account_id, is_write=is_write)


NEVER: Final = Fault(kind="drop_after")
