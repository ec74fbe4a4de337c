"""Private values are sealed before they reach PostgreSQL, and found again by keyed hashes.

Each subject (a person) has a key of its own, wrapped by the master key that lies outside the database: erase the
wrapped key, and everything sealed for that subject is gone, also from backups. A sealed value opens only in the table, the
column and for the subject it was sealed for. AES-256-GCM with random 96-bit nonces (NIST SP 800-38D).
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tuoqi.kit.settings import Settings, read_secret

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_FORMAT: Final = b"\x01"
"""The first byte of everything sealed: AES-256-GCM, nonce, ciphertext with tag."""


class SealError(Exception):
    """Something sealed does not open here: wrong key, wrong place, or changed bytes."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one service; a key that is not its business is None."""

    identity: bytes = field(repr=False)
    """For derived ids."""
    master: bytes | None = field(default=None, repr=False)
    """Wraps the subjects' keys."""
    lookup: bytes | None = field(default=None, repr=False)
    """For look-ups by identity number and the like."""


def load_keys(settings: Settings) -> Keys:
    """Read `identity.key`, and `master.key` and `lookup.key` where they are: 32 bytes each, as hex.

    Raises ValueError for a key that is missing, short, or all of one byte.
    """
    if settings.keys_dir is None:
        raise ValueError("TUOQI_KEYS_DIR names no folder of keys")
    identity = _read_key(settings.keys_dir / "identity.key")
    if identity is None:
        raise ValueError(f"{settings.keys_dir}/identity.key is missing")
    master, lookup = (_read_key(settings.keys_dir / name) for name in ("master.key", "lookup.key"))
    return Keys(identity=identity, master=master, lookup=lookup)


def _read_key(path: Path) -> bytes | None:
    if not path.exists():
        return None
    try:
        key = bytes.fromhex(read_secret(path))
    except ValueError:
        raise ValueError(f"{path}: a key is written as hex") from None
    if len(key) != KEY_BYTES or len(set(key)) == 1:
        raise ValueError(f"{path}: a key has {KEY_BYTES} random bytes")
    return key


class SubjectKey:
    """The opened key of one subject."""

    __slots__ = ("_aead", "_subject")

    def __init__(self, subject: str, key: bytes) -> None:
        self._aead = AESGCM(key)
        self._subject = subject

    def seal(self, place: str, value: str) -> bytes:
        """The value sealed for `place`, which is `table.column`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _FORMAT + nonce + self._aead.encrypt(nonce, value.encode(), f"{place}:{self._subject}".encode())

    def unseal(self, place: str, sealed: bytes) -> str:
        """The value. Raises SealError where it was sealed for another place or subject, or was changed."""
        return _open(self._aead, sealed, f"{place}:{self._subject}").decode()


class Sealer:
    """Makes and opens subjects' keys."""

    def __init__(self, master: bytes) -> None:
        self._master = AESGCM(master)

    def new_key(self, subject: str) -> tuple[SubjectKey, bytes]:
        """A fresh key for a subject: to use now, and wrapped, to be stored beside the subject."""
        key, nonce = os.urandom(KEY_BYTES), os.urandom(_NONCE_BYTES)
        wrapped = _FORMAT + nonce + self._master.encrypt(nonce, key, _wrap_context(subject))
        return SubjectKey(subject, key), wrapped

    def open_key(self, subject: str, wrapped: bytes) -> SubjectKey:
        """The key of a subject. Raises SealError where it was wrapped for another subject or by another master key."""
        return SubjectKey(subject, _open(self._master, wrapped, _wrap_context(subject).decode()))


def _wrap_context(subject: str) -> bytes:
    return f"subject-key:{subject}".encode()


def _open(aead: AESGCM, sealed: bytes, context: str) -> bytes:
    if sealed[:1] != _FORMAT:
        raise SealError("not a sealed value of this format")
    try:
        return aead.decrypt(sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :], context.encode())
    except (InvalidTag, ValueError):
        raise SealError("it was sealed for another place or subject, by another key, or was changed") from None


class LookupHasher:
    """Keyed hashes by which a value is found again: equal for equal values of one purpose, and only there."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._keys: dict[str, bytes] = {}

    def hash(self, purpose: str, value: str) -> bytes:
        """32 bytes of HMAC-SHA256. `purpose` is a constant of the caller, like `id_number`."""
        key = self._keys.get(purpose)
        if key is None:
            key = self._keys[purpose] = hmac.digest(self._key, purpose.encode(), "sha256")
        return hmac.digest(key, value.encode(), "sha256")
