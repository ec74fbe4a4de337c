"""Keys that follow from a folder's content, so that the same folder played twice has the same ids.

Ids and look-up hashes are keyed; on a county's own platform these keys are random. A platform for playing holds nothing
but the folder itself, so keys made from it give nobody anything that he does not have. The master key, which seals
personal data, stays random.
"""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from tuoqi.cli.local.home import Home
from tuoqi.cli.local.vault import Vault
from tuoqi.cli.play.calendar import NAME, Step

DERIVED: Final = ("identity", "lookup")


def folder_hash(folder: Path, steps: Iterable[Step]) -> bytes:
    """SHA-256 over the calendar and the files it names, by name and content; where the folder lies does not matter."""
    names = {NAME, *(step.file for step in steps if step.file and not step.problem)}
    whole = hashlib.sha256()
    for name in sorted(names):
        content = hashlib.sha256((folder / name).read_bytes()).digest()
        whole.update(len(name.encode()).to_bytes(4, "big") + name.encode() + content)
    return whole.digest()


def seed_keys(home: Home, content: bytes) -> None:
    """Write the derived keys before the platform's first start; what is there is never changed."""
    keys = Vault(home.secrets).keys
    keys.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in DERIVED:
        descriptor = os.open(keys / f"{name}.key", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(hmac.digest(content, f"tuoqi play {name}".encode(), "sha256").hex() + "\n")
