"""A county's folder: policy, users and calendars as reviewed files, named by one hash.

What a service decides by these files it stores together with `County.version`, so that any decision can be traced to
the rules of its day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

_FILE_BYTES_MAX: Final = 4 * 1024 * 1024


class CountyError(Exception):
    """A county file that cannot be used; the text names the file, the line if known, and what is wrong."""


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
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise CountyError(f"{folder}/{name}{line}: {error.problem}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CountyError(f"{folder}/{name}: {error}") from error
    if not isinstance(parsed, dict):
        raise CountyError(f"{folder}/{name}:1: a mapping is expected at the top")
    return parsed


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
