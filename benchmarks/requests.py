"""Requests as bytes, made before the clock runs, from the simulator's traffic."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from hookline.embedded.ports import HOST
from simulator import signing, traffic
from simulator.target import WEBHOOK_PATH


@dataclass(frozen=True, slots=True)
class App:
    """Who signs."""

    app_id: str
    secret: bytes


def request_bytes(body: bytes, app: App) -> bytes:
    """A whole HTTP/1.1 request that delivers the body, signed, with Meta's headers."""
    headers = {"Host": HOST, "Content-Length": str(len(body))}
    lines = [*headers.items(), *signing.headers(body, app.secret).items()]
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"POST {WEBHOOK_PATH} HTTP/1.1\r\n{head}\r\n".encode() + body


def bodies(count: int, *, changes: int, seed: int) -> list[bytes]:
    """Bodies of so many comments each; every comment is another one."""
    return [delivery.body for delivery in islice(traffic.burst(seed, changes), count)]


def built(bodies: Iterable[bytes], app: App) -> Sequence[bytes]:
    """The requests that deliver these bodies."""
    return [request_bytes(body, app) for body in bodies]
