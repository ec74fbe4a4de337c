"""Signed texts: whoever has the public key can tell that a file left this platform and was not changed since.

Ed25519 (RFC 8032). A key for each use is derived from a service's own secret, so there is nothing more to keep; the same
text gives the same signature.
"""

from __future__ import annotations

import hmac
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PUBLIC_BYTES: Final = 32


class Signer:
    """Signs for one use, like `bank files`; another use of the same secret has another key."""

    def __init__(self, secret: bytes, use: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, f"signature:{use}".encode(), "sha256"))

    @property
    def public_key(self) -> str:
        """32 bytes as hex, to be handed to whoever checks."""
        return self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def sign(self, text: bytes) -> str:
        """64 bytes as hex."""
        return self._key.sign(text).hex()


def is_signed(public_key: str, text: bytes, signature: str) -> bool:
    """Whether this signature of this text was made by the owner of the key; a malformed one was not."""
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key)).verify(bytes.fromhex(signature), text)
    except (InvalidSignature, ValueError):
        return False
    return True
