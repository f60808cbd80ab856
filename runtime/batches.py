"""What comes in a row, cut into batches. Pure."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


def batches(
    items: Iterable[Item], max_items: int, max_bytes: int, size_bytes: Callable[[Item], int]
) -> Iterator[list[Item]]:
    """Items in their order, cut by count and bytes; a larger one is a batch of its own."""
    batch: list[Item] = []
    held_bytes = 0
    for item in items:
        item_bytes = size_bytes(item)
        if batch and (len(batch) >= max_items or held_bytes + item_bytes > max_bytes):
            yield batch
            batch, held_bytes = [], 0
        batch.append(item)
        held_bytes += item_bytes
    if batch:
        yield batch
