"""Chance without memory: the same for the same seed and words, in any order of asking. Pure."""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


def number(below: int, *words: object) -> int:
    """A number of at least 0 and less than `below`, which is at most 2**64."""
    return int.from_bytes(_digest(words)[:8]) * below >> 64


def happens(probability: float, *words: object) -> bool:
    """True in so many of all cases: never for 0, always for 1."""
    return number(10**9, *words) < probability * 10**9


def pick(choices: Sequence[T], *words: object) -> T:
    """One of `choices`."""
    return choices[number(len(choices), *words)]


def digits(count: int, *words: object) -> str:
    """So many decimal digits, at most 18."""
    return f"{number(10**count, *words):0{count}d}"


def letters(*words: object) -> str:
    """64 letters and digits."""
    return _digest(words).hex()


def _digest(words: Sequence[object]) -> bytes:
    return hashlib.sha256("\x1f".join(map(str, words)).encode("utf-8", "surrogatepass")).digest()
