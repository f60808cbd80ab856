"""Calls of a simulated Graph API without a network, for tests."""

from simulator.graph.calls import Call, Reply
from simulator.graph.graph import Graph

ACCOUNT = "17841400000000001"
OTHER = "17841400000000002"
PAGE = f"1{ACCOUNT[2:]}"


class Clock:
    """Unix seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_795_000_000.0

    def __call__(self) -> float:
        """Now."""
        return self.now_s


def call(graph: Graph, method: str, path: str, token: str | None = None, **params: str) -> Reply:
    """The answer, for the first user's token where no other one is given."""
    token = graph.tokens.user_token(0) if token is None else token
    return graph.answer(Call(method, f"/v25.0/{path}", {"access_token": token, **params}))


def outcome(reply: Reply) -> str:
    """`ok`, or code and subcode."""
    error = reply.document.get("error")
    if error is None:
        return "ok"
    subcode = error.get("error_subcode")
    return f"{error['code']}/{subcode}" if subcode else str(error["code"])
