"""Signatures of files."""

from tuoqi.kit.signing import Signer, is_signed

SECRET = bytes(range(32))


def test_a_signature_holds_for_its_text_key_and_use_alone() -> None:
    signer = Signer(SECRET, "bank files")
    signed = signer.sign(b"sums")
    assert signed == Signer(SECRET, "bank files").sign(b"sums")
    assert is_signed(signer.public_key, b"sums", signed)
    assert not is_signed(signer.public_key, b"sum", signed)
    assert not is_signed(Signer(SECRET, "other").public_key, b"sums", signed)
    assert not is_signed(signer.public_key, b"sums", "no hex")
    assert not is_signed("ff", b"sums", signed)
