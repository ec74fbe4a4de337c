"""The walls that a machine can check: rooms, imports, sizes. Services and modules are found by glob."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/pyproject.toml"))
MODULES = sorted(path.parent.name for path in ROOT.glob("modules/*/pyproject.toml"))
DRIVERS = {"sqlalchemy", "asyncpg", "aiokafka", "faststream", "kafka"}
LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Room → the rooms of its own service that it may import. Everyone may import the contracts, except the domain.
MAY_IMPORT = {
    "__main__": None,
    "settings": set(),
    "consumer": {"handlers", "store"},
    "rpc": {"handlers", "jobs", "store", "domain", "peers"},
    "peers": {"domain"},
    "handlers": {"domain"},
    "jobs": {"domain", "store", "handlers", "peers"},
    "domain": set(),
    "store": {"domain"},
    "migrations": set(),
}


def folder_of(service: str) -> Path:
    home = "services" if service in SERVICES else "modules"
    return ROOT / home / service / "src" / "tuoqi" / service


def room_of(service: str, path: Path) -> str:
    return path.relative_to(folder_of(service)).parts[0].removesuffix(".py")


def python_files(service: str) -> list[Path]:
    folder = folder_of(service)
    return [path for path in sorted(folder.rglob("*.py")) if path != folder / "__init__.py"]


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            yield from (f"{base}.{alias.name}" for alias in node.names)


def all_files() -> list[tuple[str, Path]]:
    return [(service, path) for service in [*SERVICES, *MODULES] for path in python_files(service)]


def test_the_four_services_are_there() -> None:
    assert {"registry", "visits", "payments", "alerts"} <= set(SERVICES)


@pytest.mark.parametrize(("service", "path"), all_files(), ids=lambda value: getattr(value, "stem", value))
def test_a_file_stands_in_a_known_room_and_imports_only_what_the_room_may(service: str, path: Path) -> None:
    room = room_of(service, path)
    assert room in MAY_IMPORT, f"{path} stands in no known room"
    allowed = MAY_IMPORT[room]
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "tuoqi":
            assert room != "domain" or parts[0] in sys.stdlib_module_names, f"{path}: domain imports {name}"
            assert room == "store" or parts[0] not in DRIVERS, f"{path}: {name}"
            continue
        if parts[1] in {"kit", "contracts"}:
            assert room != "domain", f"{path}: domain imports {name}"
            continue
        assert parts[1] == service, f"{path}: imports another service or the command line: {name}"
        assert allowed is None or parts[2] in allowed | {room}, f"{path}: {room} may not import {name}"


@pytest.mark.parametrize("service", SERVICES)
def test_only_the_store_speaks_sql(service: str) -> None:
    words = re.compile(r"\b(SELECT .* FROM|INSERT INTO|DELETE FROM|UPDATE \w+ SET)\b")
    found = [
        str(path)
        for path in python_files(service)
        if room_of(service, path) not in {"store", "migrations"} and words.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize("service", SERVICES)
def test_handlers_and_domain_read_no_clock(service: str) -> None:
    clocks = re.compile(r"datetime\.now|date\.today|time\.time\(|monotonic\(|utcnow|random\.|uuid4")
    found = [
        str(path)
        for path in python_files(service)
        if room_of(service, path) in {"domain", "handlers"} and clocks.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_the_kit_knows_no_care_vocabulary() -> None:
    words = re.compile(r"\b(dibao|tekun|orphan|visit_overdue|payee|allowance|guardian)\w*", re.IGNORECASE)
    kit = ROOT / "libs" / "kit" / "src" / "tuoqi" / "kit"
    found = [
        f"{path.name}: {match[0]}"
        for path in kit.rglob("*.py")
        for match in words.finditer(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def shipped_files() -> list[Path]:
    folders = ("libs", "services", "modules", "cli")
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("src/**/*.py"))]


def lines_of(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_longer_than_one_sitting() -> None:
    long = {str(path.relative_to(ROOT)): n for path in shipped_files() if (n := lines_of(path)) > LINES_MAX}
    assert long == {}


def test_no_function_is_longer_than_a_page() -> None:
    long = {}
    for path in shipped_files():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
                lines = node.end_lineno - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long[f"{path.relative_to(ROOT)}:{node.name}"] = lines
    assert long == {}


def catches_everything(handler: ast.ExceptHandler) -> bool:
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


def test_nobody_swallows_everything_outside_the_kit() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in shipped_files()
        if "kit" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler) and catches_everything(node)
    ]
    assert found == []
