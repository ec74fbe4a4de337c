"""A county's folder: policy, users and calendars as reviewed files, named by one hash.

What a service decides by these files it stores together with `County.version`, so that any decision can be traced to
the rules of its day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import yaml

_FILE_BYTES_MAX: Final = 4 * 1024 * 1024
_PLACES_MAX: Final = 200_000
"""Values in a file, those behind aliases counted each time: more than any county writes."""
_DEPTH_MAX: Final = 50
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a county file."""

    file: str
    """Relative to the county's folder; empty where it is about the folder or not known."""
    line: int
    """From 1; 0 where it is not known."""
    place: str
    """Which value of the file, like `programmes[2].versions[0].name`; empty where it is about the whole."""
    reason: str

    def __str__(self) -> str:
        at = f" 第 {self.line} 行" if self.line else ""
        place = f"{self.place} " if self.place else ""
        return f"{self.file}{at}: {place}{self.reason}" if self.file else f"{place}{self.reason}"


class CountyError(Exception):
    """A county file that cannot be used; the text names the file, the line if known, and what is wrong.

    `faults` has each fault by itself, where whoever raised it found several.
    """

    def __init__(self, text: str, faults: Sequence[Fault] = ()) -> None:
        super().__init__(text)
        self.faults = tuple(faults) or (Fault("", 0, "", text),)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file of a county, with the line on which each of its values stands."""

    name: str
    """Relative to the county's folder."""
    content: Mapping[str, Any]
    lines: Mapping[str, int]
    """Place (`a[0].b`) → line, from 1."""

    def line_of(self, place: str) -> int:
        """The line of a place; of what is missing, the line of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[: max(place.rfind("."), place.rfind("["), 0)]
        return self.lines.get(place, 1)


@dataclass(frozen=True, slots=True)
class County:
    """One county 县 as its folder describes it, read once at start."""

    code: str
    """The six digits of the administrative division."""
    name: str
    version: str
    """SHA-256, hex, over the relative names and the bytes of all files, in order of name."""
    folder: Path
    _files: dict[str, bytes] = field(repr=False, compare=False)

    @classmethod
    def load(cls, folder: Path) -> County:
        """Read a county's folder. Raises CountyError where it is missing or its county.yaml says no code and name."""
        if not folder.is_dir():
            raise CountyError(f"{folder}: no such county folder")
        files = {
            path.relative_to(folder).as_posix(): _read(path)
            for path in sorted(folder.rglob("*"))
            if path.is_file() and not path.name.startswith(".")
        }
        return cls.of_files(files, folder)

    @classmethod
    def of_files(cls, files: dict[str, bytes], folder: Path) -> County:
        """A county whose files (relative name → bytes) are at hand; `folder` only names it. Raises CountyError."""
        if "county.yaml" not in files:
            raise CountyError(f"{folder}/county.yaml: missing")
        head = _parse(folder, "county.yaml", files["county.yaml"])
        code, name = head.get("code"), head.get("name")
        if not isinstance(code, str) or not isinstance(name, str) or not code.isdigit():
            raise CountyError(f'{folder}/county.yaml: needs a quoted `code: "..."` of digits and a `name`')
        return cls(code=code, name=name, version=_hash(files), folder=folder, _files=files)

    def policy(self, name: str) -> list[dict[str, Any]]:
        """The content of `<name>.yaml`, or of every YAML file below `<name>/` in order of name.

        Raises CountyError where there is no such file, or one that is no mapping; it names file and line.
        """
        single = f"{name}.yaml"
        names = [single] if single in self._files else [key for key in sorted(self._files) if self._below(key, name)]
        if not names:
            raise CountyError(f"{self.folder}/{name}: neither {name}.yaml nor a folder of YAML files")
        return [_parse(self.folder, key, self._files[key]) for key in names]

    def names(self, below: str = "") -> list[str]:
        """The YAML files, or those below a folder, in order of name."""
        return [key for key in sorted(self._files) if key.endswith(".yaml") and (not below or self._below(key, below))]

    def text(self, name: str) -> str:
        """One file as text. Raises CountyError where there is none, or none in UTF-8."""
        try:
            return self._files[name].decode()
        except (KeyError, UnicodeDecodeError) as error:
            raise CountyError(
                f"{self.folder}/{name}: no text", [Fault(name, 0, "", "缺少此文件或不是 UTF-8 文字")]
            ) from error

    def document(self, name: str) -> Document:
        """One file by its whole relative name, with the lines of its values. Raises CountyError as `policy` does."""
        if name not in self._files:
            raise CountyError(f"{self.folder}/{name}: missing", [Fault(name, 0, "", "缺少此文件")])
        content = _parse(self.folder, name, self._files[name])
        lines: dict[str, int] = {}
        node = yaml.compose(self._files[name], Loader=_Loader)
        if node is not None:
            _mark(node, "", lines, _DEPTH_MAX)
        if len(lines) > _PLACES_MAX:
            raise CountyError(f"{self.folder}/{name}: too large", [Fault(name, 0, "", f"超过 {_PLACES_MAX} 个值")])
        return Document(name, content, lines)

    def read(self, name: str, parse: Callable[[Mapping[str, Any]], _Read]) -> _Read:
        """What a reader makes of one file. Raises CountyError with file and line for what the reader refuses.

        A reader raises ValueError; where that has a `path` (a place) and a `reason`, the line of the place is told.
        """
        document = self.document(name)
        try:
            return parse(document.content)
        except ValueError as error:
            place = getattr(error, "path", "")
            fault = Fault(name, document.line_of(place), place, getattr(error, "reason", "") or str(error))
            raise CountyError(f"{self.folder}/{fault}", [fault]) from error

    @staticmethod
    def _below(key: str, name: str) -> bool:
        return key.startswith(f"{name}/") and key.endswith(".yaml")


def _read(path: Path) -> bytes:
    if path.stat().st_size > _FILE_BYTES_MAX:
        raise CountyError(f"{path}: larger than {_FILE_BYTES_MAX} bytes")
    return path.read_bytes()


def _hash(files: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{len(name.encode())}:{name}:{len(files[name])}:".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _parse(folder: Path, name: str, content: bytes) -> dict[str, Any]:
    try:
        parsed = yaml.load(content, Loader=_Loader)  # noqa: S506 -- _Loader is a SafeLoader
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        fault = Fault(name, line, "", f"不是有效的 YAML：{error.problem}")
        raise CountyError(f"{folder}/{name}{f':{line}' if line else ''}: {error.problem}", [fault]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CountyError(f"{folder}/{name}: {error}", [Fault(name, 0, "", f"不是有效的 YAML：{error}")]) from error
    if not isinstance(parsed, dict):
        raise CountyError(
            f"{folder}/{name}:1: a mapping is expected at the top", [Fault(name, 1, "", "最外层应为若干“字段: 值”")]
        )
    return parsed


def _mark(node: yaml.Node, place: str, lines: dict[str, int], depth: int) -> None:
    """Notes the line of a value and of all below it; goes no deeper once there are too many."""
    lines.setdefault(place, node.start_mark.line + 1)
    if len(lines) > _PLACES_MAX or not depth:
        return
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            below = f"{place}.{key.value}" if place else str(key.value)
            lines[below] = key.start_mark.line + 1
            _mark(value, below, lines, depth - 1)
    elif isinstance(node, yaml.SequenceNode):
        for position, value in enumerate(node.value):
            _mark(value, f"{place}[{position}]", lines, depth - 1)


class _Loader(yaml.SafeLoader):
    """YAML that refuses a key written twice: PyYAML would keep the last and lose a rule without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 -- PyYAML's
        seen: set[object] = set()
        for key_node, _value in node.value:
            if key_node.value in seen and isinstance(key_node, yaml.ScalarNode):
                raise yaml.MarkedYAMLError(
                    problem=f"`{key_node.value}` is written twice", problem_mark=key_node.start_mark
                )
            if isinstance(key_node, yaml.ScalarNode):
                seen.add(key_node.value)
        return super().construct_mapping(node, deep=deep)
