"""Keys go to the partitions to which every other Kafka client would send them."""

from __future__ import annotations

from aiokafka.partitioner import murmur2 as the_clients
from hypothesis import given
from hypothesis import strategies as st

from tuoqi.kit.partition import murmur2, partition_of


@given(st.binary(max_size=80))
def test_the_hash_is_the_clients_hash(key: bytes) -> None:
    assert murmur2(key) == the_clients(key)


def test_known_keys_keep_their_partitions() -> None:
    keys = ("", "a", "01a20404-0e75-7349-9884-d131543d0e02", "区划")
    assert [partition_of(key, 6) for key in keys] == [(the_clients(key.encode()) & 0x7FFFFFFF) % 6 for key in keys]
