"""What a photo or signature really is, by its bytes; and the same picture without where, when and by what it was taken.

Nothing is encoded anew: segments that carry such words are cut out, the picture itself stays bit for bit.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs", b"bKGD"}
)
"""What a picture needs to look as it did; eXIf, tEXt, iTXt, zTXt, tIME and whatever is unknown go."""
_JPEG_ICC: Final = b"ICC_PROFILE\0"
_MARK, _EOI, _SOS, _APP2 = 0xFF, 0xD9, 0xDA, 0xE2
_RESTARTS: Final = range(0xD0, 0xD8)
_KIND_BYTES: Final = 4
_ALONE: Final = frozenset({0x01, *_RESTARTS})
"""Markers without a length."""
_JPEG_CUT: Final = frozenset({*range(0xE1, 0xEE), 0xEF, 0xFE})
"""APP1 (EXIF, XMP), makers' segments, APP13 (IPTC) and comments. APP0 and APP14 say how colours are meant."""
_WEBP_KEPT: Final = frozenset({b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"})
_WEBP_FLAGS: Final = 0x0C
"""The bits of VP8X that announce EXIF and XMP."""


class NotAPicture(ValueError):
    """The bytes are not what they are said to be, or are broken."""


def media_type_of(content: bytes) -> str:
    """The media type by the first bytes; empty where it is none of ours."""
    if content[:3] == b"\xff\xd8\xff":
        return "image/jpeg"
    if content.startswith(_PNG):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return "application/pdf" if content.startswith(b"%PDF-") else ""


def without_traces(content: bytes) -> bytes:
    """The same picture without EXIF, place and comments. Raises NotAPicture where it is broken; a PDF stays as it is."""
    cut = {"image/jpeg": _jpeg, "image/png": _png, "image/webp": _webp}.get(media_type_of(content))
    if cut is None:
        return content
    try:
        return cut(content)
    except IndexError:
        raise NotAPicture("it ends too early") from None


def _jpeg(content: bytes) -> bytes:
    kept = [content[:2]]
    at = 2
    while True:
        if content[at] != _MARK:
            raise NotAPicture("no marker where one must be")
        marker = content[at + 1]
        if marker == _MARK:  # a fill byte
            at += 1
        elif marker == _EOI:
            # What follows the end is no part of the picture: previews and films with their own EXIF.
            return b"".join([*kept, b"\xff\xd9"])
        elif marker in _ALONE:
            kept.append(content[at : at + 2])
            at += 2
        else:
            end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
            if end < at + 4 or end > len(content):
                raise NotAPicture("a segment ends outside")
            if not _cut_from_jpeg(marker, content[at + 4 : end]):
                kept.append(content[at:end])
            if marker == _SOS:
                at, end = end, _scan_end(content, end)
                kept.append(content[at:end])
            at = end


def _cut_from_jpeg(marker: int, body: bytes) -> bool:
    return marker in _JPEG_CUT and not (marker == _APP2 and body.startswith(_JPEG_ICC))


def _scan_end(content: bytes, at: int) -> int:
    """Where the coded picture ends: at the first marker that is none of its own."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            raise NotAPicture("it has no end")
        follows = content[at + 1]
        if follows not in {0, _MARK} and follows not in _RESTARTS:
            return at
        at += 1 if follows == _MARK else 2


def _png(content: bytes) -> bytes:
    kept = [_PNG]
    at = len(_PNG)
    while True:
        length = int.from_bytes(content[at : at + 4])
        kind, end = content[at + 4 : at + 8], at + 12 + length
        if len(kind) < _KIND_BYTES or end > len(content):
            raise NotAPicture("a chunk ends outside")
        if crc32(content[at + 4 : end - 4]) != int.from_bytes(content[end - 4 : end]):
            raise NotAPicture("a chunk is broken")
        if kind in _PNG_KEPT:
            kept.append(content[at:end])
        if kind == b"IEND":
            return b"".join(kept)
        at = end


def _webp(content: bytes) -> bytes:
    kept: list[bytes] = []
    at, whole = 12, 8 + int.from_bytes(content[4:8], "little")
    if whole > len(content):
        raise NotAPicture("it ends too early")
    while at + 8 <= whole:
        kind = content[at : at + 4]
        length = int.from_bytes(content[at + 4 : at + 8], "little")
        end = at + 8 + length + (length & 1)
        if end > whole + 1 or at + 8 + length > len(content):
            raise NotAPicture("a chunk ends outside")
        chunk = content[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~_WEBP_FLAGS]) + chunk[9:]
        if kind in _WEBP_KEPT:
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + len(body).to_bytes(4, "little") + body
