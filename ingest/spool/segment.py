"""What a segment file holds: deliveries one after the other, each with its checksum. Pure.

An entry is a frame and its payload. The frame: the magic, the length of the payload, the CRC-32 of
the payload, the CRC-32 of these twelve bytes (big-endian, 4 bytes each). The payload: the length
of its head, the head (JSON: topics, key, headers), the body. The frame's own checksum tells a
write that was cut short, which nobody relies on, from a length that was damaged later.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

import orjson

MAGIC: Final = b"HkSp"

_FRAME: Final = struct.Struct(">4sII")
_FRAME_BYTES: Final = _FRAME.size + 4
_LENGTH: Final = struct.Struct(">I")


class Entry(NamedTuple):
    """A delivery as it was to be published."""

    topics: tuple[str, ...]
    key: bytes
    headers: list[tuple[str, bytes]]
    body: bytes


class Damage(NamedTuple):
    """Bytes that are no entry.

    `torn`: the end of a write that was cut short by a crash, which nobody was told had succeeded.
    Anything else has been damaged since.
    """

    start: int
    end: int
    torn: bool


Found: TypeAlias = Entry | Damage


def pieces(entry: Entry) -> tuple[bytes, bytes]:
    """The entry's bytes in a segment: what stands before its body, and the body, not copied."""
    headers = [[name, value.decode("latin-1")] for name, value in entry.headers]
    told = orjson.dumps([entry.topics, entry.key.decode("latin-1"), headers])
    head = _LENGTH.pack(len(told)) + told
    checksum = zlib.crc32(entry.body, zlib.crc32(head))
    frame = _FRAME.pack(MAGIC, len(head) + len(entry.body), checksum)
    return frame + _LENGTH.pack(zlib.crc32(frame)) + head, entry.body


def encode(entry: Entry) -> bytes:
    """The entry's bytes in a segment."""
    return b"".join(pieces(entry))


def read(data: bytes) -> Iterator[Found]:
    """What stands in a segment, in order. Total: any bytes give whole entries and damages."""
    position = 0
    while position < len(data):
        payload = _payload_at(data, position)
        if payload is not None:
            yield _decode(payload)
            position += _FRAME_BYTES + len(payload)
            continue
        following = _next_entry(data, position + 1)
        end = len(data) if following is None else following
        yield Damage(position, end, torn=following is None and _is_torn(data, position))
        position = end


def _payload_at(data: bytes, position: int) -> bytes | None:
    """The payload of the entry that begins here, if a whole one does."""
    frame = _frame_at(data, position)
    if frame is None:
        return None
    length, checksum = frame
    begin = position + _FRAME_BYTES
    payload = data[begin : begin + length]
    return payload if len(payload) == length and zlib.crc32(payload) == checksum else None


def _frame_at(data: bytes, position: int) -> tuple[int, int] | None:
    """Length and checksum of the payload, if a whole frame begins here."""
    frame = data[position : position + _FRAME_BYTES]
    if len(frame) < _FRAME_BYTES or not frame.startswith(MAGIC):
        return None
    if zlib.crc32(frame[: _FRAME.size]) != _LENGTH.unpack_from(frame, _FRAME.size)[0]:
        return None
    return _FRAME.unpack_from(frame)[1:]


def _next_entry(data: bytes, position: int) -> int | None:
    while (position := data.find(MAGIC, position)) >= 0:
        if _payload_at(data, position) is not None:
            return position
        position += 1
    return None


def _is_torn(data: bytes, position: int) -> bool:
    """Whether the file ends within an entry that begins here, or holds nothing but zeros on."""
    frame = _frame_at(data, position)
    if frame is not None:
        return position + _FRAME_BYTES + frame[0] > len(data)
    rest = data[position:]
    return len(rest) < _FRAME_BYTES or not rest.strip(b"\0")


def _decode(payload: bytes) -> Entry:
    begin = _LENGTH.size
    end = begin + _LENGTH.unpack_from(payload)[0]
    topics, key, headers = orjson.loads(payload[begin:end])
    return Entry(
        tuple(topics),
        key.encode("latin-1"),
        [(name, value.encode("latin-1")) for name, value in headers],
        payload[end:],
    )
