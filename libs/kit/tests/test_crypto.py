"""What is sealed opens only where it belongs; look-ups are keyed; it is quick."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tuoqi.kit.crypto import KEY_BYTES, LookupHasher, Sealer, SealError, load_keys
from tuoqi.kit.settings import Settings

MASTER = bytes(range(KEY_BYTES))
NUMBER = "629999194001010018"
PLACE = "persons.id_number"


def test_a_value_opens_for_its_subject_in_its_place_and_nowhere_else() -> None:
    sealer = Sealer(MASTER)
    key, wrapped = sealer.new_key("p-1")
    sealed = key.seal(PLACE, NUMBER)
    assert sealer.open_key("p-1", wrapped).unseal(PLACE, sealed) == NUMBER
    other, _ = sealer.new_key("p-2")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for wrong_key, place, content in [
        (key, "persons.phone", sealed),
        (other, PLACE, sealed),
        (key, PLACE, changed),
        (key, PLACE, sealed[:10]),
        (key, PLACE, b""),
        (key, PLACE, b"\x02" + sealed[1:]),
    ]:
        with pytest.raises(SealError):
            wrong_key.unseal(place, content)


def test_a_wrapped_key_is_bound_to_its_subject_and_to_the_master_key() -> None:
    _, wrapped = Sealer(MASTER).new_key("p-1")
    with pytest.raises(SealError):
        Sealer(MASTER).open_key("p-2", wrapped)
    with pytest.raises(SealError):
        Sealer(MASTER[::-1]).open_key("p-1", wrapped)


def test_nothing_sealed_shows_the_value_or_repeats() -> None:
    key, wrapped = Sealer(MASTER).new_key("p-1")
    sealed = {key.seal(PLACE, NUMBER) for _ in range(100)}
    assert len(sealed) == 100
    assert all(NUMBER.encode() not in content for content in (*sealed, wrapped))


def test_a_lookup_is_equal_for_equal_values_of_one_purpose_and_key() -> None:
    hasher = LookupHasher(MASTER)
    hashed = hasher.hash("id_number", NUMBER)
    assert len(hashed) == 32
    assert LookupHasher(MASTER).hash("id_number", NUMBER) == hashed
    others = {hasher.hash("phone", NUMBER), LookupHasher(MASTER[::-1]).hash("id_number", NUMBER)}
    assert hashed not in others
    assert len(others) == 2


def test_keys_come_from_files_and_weak_ones_are_refused(tmp_path: Path) -> None:
    settings = Settings(database_url="postgresql://x@127.0.0.1/x", keys_dir=tmp_path)
    with pytest.raises(ValueError, match=r"identity\.key is missing"):
        load_keys(settings)
    (tmp_path / "identity.key").write_text(MASTER.hex() + "\n")
    keys = load_keys(settings)
    assert (keys.identity, keys.master, keys.lookup) == (MASTER, None, None)
    assert MASTER.hex() not in repr(keys)
    (tmp_path / "master.key").write_text(MASTER[::-1].hex())
    assert load_keys(settings).master == MASTER[::-1]
    for weak, says in [("00" * 32, "random"), ("ab12", "random"), ("secret", "hex")]:
        (tmp_path / "lookup.key").write_text(weak)
        with pytest.raises(ValueError, match=says):
            load_keys(settings)
    with pytest.raises(ValueError, match="TUOQI_KEYS_DIR"):
        load_keys(Settings(database_url="postgresql://x@127.0.0.1/x"))


def test_fifty_thousand_values_are_sealed_within_a_second() -> None:
    key, _ = Sealer(MASTER).new_key("p-1")
    begin = time.process_time()
    for _ in range(50_000):
        key.seal(PLACE, NUMBER)
    assert time.process_time() - begin <= 1.0
