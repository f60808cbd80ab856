"""UUIDs of version 7: ids that sort by the time they were made."""

from typing import Final

_VERSION: Final = 0x7 << 76
_VARIANT: Final = 0x2 << 62


def uuid7(unix_ms: int, randomness: bytes) -> str:
    """The UUIDv7 of a time in Unix milliseconds and ten random bytes.

    Source: https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
    """
    bits = int.from_bytes(randomness)
    high = (bits >> 62 & 0xFFF) << 64
    low = bits & ((1 << 62) - 1)
    digits = f"{unix_ms << 80 | _VERSION | high | _VARIANT | low:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
