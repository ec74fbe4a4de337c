"""Files for a bank in a folder: whole or not there, for their owner alone, and checked against a signed manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from tuoqi.cli.commands.fund import _fen
from tuoqi.cli.files.bank import Folder, is_whole, read_rows
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.signing import Signer

SIGNER = Signer(bytes(range(32)), "bank files")
ROWS = [["户名", "账号"], ["甲", "629999000000000001"]]


def _cells_hash() -> str:
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in ROWS)
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _manifest(data: bytes, **change: object) -> str:
    files = [
        {"file": "a.txt", "rows": 1, "amount_fen": 5, "sha256": hashlib.sha256(data).hexdigest(), "sha256_of": "bytes"},
        {"file": "b.xlsx", "rows": 1, "amount_fen": 6, "sha256": _cells_hash(), "sha256_of": "cells"},
    ]
    content: dict[str, object] = {
        "cycle": "2024-01", "export_no": 1, "format": "fixed", "instructions": 2, "amount_fen": 11, "files": files,
        **change,
    }  # fmt: skip
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    return json.dumps({**content, "signature": SIGNER.sign(text)}, ensure_ascii=False)


def _written(out: Path, data: bytes = b"record", **change: object) -> Path:
    with Folder(out) as folder:
        folder.add("a.txt", data[:3], [])
        folder.add("a.txt", data[3:], [])
        folder.add("b.xlsx", b"", ROWS)
        folder.manifest(_manifest(data, **change))
        folder.keep()
    return out / "2024-01-b1-fixed.manifest.json"


def test_a_batch_is_whole_its_files_are_private_and_the_same_bytes_again(tmp_path: Path) -> None:
    manifest = _written(tmp_path / "one")
    assert is_whole(manifest, SIGNER.public_key) == []
    assert {path.stat().st_mode & 0o777 for path in manifest.parent.iterdir()} == {0o600}
    assert read_rows(manifest.parent / "b.xlsx") == ROWS
    assert read_rows(manifest.parent / "a.txt") is None
    again = _written(tmp_path / "two").parent
    assert (again / "b.xlsx").read_bytes() == (manifest.parent / "b.xlsx").read_bytes()


def test_whatever_was_changed_is_named(tmp_path: Path) -> None:
    manifest = _written(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"other")
    assert is_whole(manifest, SIGNER.public_key) == ["文件 a.txt 的内容已被改动。"]
    (tmp_path / "a.txt").unlink()
    assert is_whole(manifest, SIGNER.public_key) == ["缺少文件 a.txt。"]
    other = Signer(bytes(range(32)), "another use").public_key
    assert is_whole(manifest, other)[0].startswith("签名不符")
    sums = is_whole(_written(tmp_path, amount_fen=12), SIGNER.public_key)
    assert sums == ["清单的金额合计不符。"]


def test_a_batch_that_broke_off_leaves_nothing(tmp_path: Path) -> None:
    with Folder(tmp_path) as folder:
        folder.add("a.txt", b"half", [])
        with pytest.raises(TuoqiError):
            folder.keep()
    assert list(tmp_path.iterdir()) == []


def test_a_file_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TuoqiError), Folder(tmp_path) as folder:
        folder.add("../a.txt", b"x", [])


@pytest.mark.parametrize(("text", "fen"), [("12", 1_200), ("-0.5", -50), ("1,000.25", 100_025)])
def test_yuan_become_fen_without_a_float(text: str, fen: int) -> None:
    assert _fen(text) == fen


@pytest.mark.parametrize("text", ["1.234", "一元", "", "1e3"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(TuoqiError) as refused:
        _fen(text)
    assert refused.value.slug == "cli.not_an_amount"
