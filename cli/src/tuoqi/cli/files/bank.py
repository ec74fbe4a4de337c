"""Files for a bank as they lie in a folder: written whole or not at all, readable for their owner alone, and checked."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import xlsxwriter
from python_calamine import CalamineError

from tuoqi.cli.files.reading import sheet_rows
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.signing import is_signed

FOLDER_MODE = 0o700
FILE_MODE = 0o600
_MADE = datetime(2000, 1, 1, tzinfo=UTC)
"""What a spreadsheet says of its making: always the same, so that the same rows are the same bytes."""
_ZIP = b"PK\x03\x04"


class Folder:
    """Collects files beside their place and puts them there together."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._sheets: dict[str, list[Sequence[str]]] = {}
        self._names: list[str] = []
        self._manifest = ""

    def __enter__(self) -> Self:
        try:
            self._out.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            self._draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=self._out))
        except OSError as error:
            raise TuoqiError("file.unwritable", name=str(self._out), detail=error.strerror or error) from error
        return self

    def __exit__(self, *exception: object) -> None:
        shutil.rmtree(self._draft, ignore_errors=True)

    def add(self, name: str, data: bytes, rows: Sequence[Sequence[str]]) -> None:
        """Continue a file by bytes, or by spreadsheet rows. A name with a path in it is refused."""
        if Path(name).name != name or name.startswith("."):
            raise TuoqiError("file.unwritable", name=name, detail="文件名不合规")
        if rows:
            self._sheets.setdefault(name, []).extend(rows)
        else:
            with (self._draft / name).open("ab") as file:
                file.write(data)
        if name not in self._names:
            self._names.append(name)

    def manifest(self, text: str) -> None:
        """What the service says of the batch."""
        self._manifest = text

    def keep(self) -> str:
        """Put everything in its place and answer the manifest. Raises file.unwritable where the batch broke off."""
        if not self._manifest:
            raise TuoqiError("file.unwritable", name=str(self._out), detail="没有收到清单")
        for name, rows in self._sheets.items():
            _write_sheet(self._draft / name, rows)
        content = json.loads(self._manifest)
        name = f"{content['cycle']}-b{content['export_no']}-{content['format']}.manifest.json"
        (self._draft / name).write_text(self._manifest, encoding="utf-8")
        try:
            for one in [*self._names, name]:
                (self._draft / one).chmod(FILE_MODE)
                (self._draft / one).replace(self._out / one)
        except OSError as error:
            raise TuoqiError("file.unwritable", name=str(self._out), detail=error.strerror or error) from error
        return self._manifest


def _write_sheet(path: Path, rows: Sequence[Sequence[str]]) -> None:
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    book.set_properties({"created": _MADE})
    sheet = book.add_worksheet()
    for number, row in enumerate(rows):
        for column, cell in enumerate(row):
            sheet.write_string(number, column, cell)
    book.close()


def read_rows(path: Path) -> list[list[str]] | None:
    """All rows of a spreadsheet as text; None where the file is none. Raises file.unreadable."""
    try:
        with path.open("rb") as file:
            if not file.read(4).startswith(_ZIP):
                return None
        return sheet_rows(path)
    except (OSError, CalamineError) as error:
        detail = getattr(error, "strerror", None) or str(error)
        raise TuoqiError("file.unreadable", name=path.name, detail=detail) from error


def is_whole(manifest: Path, public_key: str) -> list[str]:
    """What is wrong with a manifest and its files, in Chinese sentences; nothing where all is as it was handed over."""
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
        unsigned = {name: value for name, value in content.items() if name != "signature"}
        text = json.dumps(unsigned, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
        signature, files = str(content["signature"]), list(content["files"])
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise TuoqiError("file.unreadable", name=manifest.name, detail=f"不是银行文件清单（{error}）") from error
    faults = [] if is_signed(public_key, text, signature) else ["签名不符：清单不是本平台所签，或已被改动。"]
    if sum(one["rows"] for one in files) != content["instructions"]:
        faults.append("清单的笔数合计不符。")
    if sum(one["amount_fen"] for one in files) != content["amount_fen"]:
        faults.append("清单的金额合计不符。")
    return faults + [fault for one in files for fault in _file_faults(manifest.parent, one)]


def _file_faults(folder: Path, described: dict[str, Any]) -> list[str]:
    path = folder / Path(str(described["file"])).name
    if not path.is_file():
        return [f"缺少文件 {path.name}。"]
    digest = _cells_hash(path) if described["sha256_of"] == "cells" else hashlib.sha256(path.read_bytes()).hexdigest()
    return [] if digest == described["sha256"] else [f"文件 {path.name} 的内容已被改动。"]


def _cells_hash(path: Path) -> str:
    digest = hashlib.sha256()
    for row in read_rows(path) or []:
        digest.update(json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
