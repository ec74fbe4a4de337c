"""Fills `wheels/` with all that the image installs, so that building it needs no network and names no host.

Third-party wheels are those of `requirements.lock` that the services and the command need, checked by its hashes, for the
image's Python and not for the one that runs this; the members of the workspace are built as wheels beside them.

    python deploy/wheels.py --python-version 3.13 MEMBER ...
"""

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
GLIBC = ("2_28", "2_27", "2_26", "2_24", "2_17", "2_12", "2_5")
"""The C libraries that the image's Debian serves, newest first; manylinux2014 is another name of 2_17."""
LOCKED = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>\S+)(?P<rest>.*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Locked:
    """One package of the lock file."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]
    wanted_by: frozenset[str]
    """The packages that depend on it."""

    def applies(self, python_version: str) -> bool:
        """Whether the image needs it, as far as the marker tells."""
        given = {
            "python_version": python_version,
            "python_full_version": f"{python_version}.0",
            "sys_platform": "linux",
            "platform_system": "Linux",
            "platform_machine": platform.machine(),
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        return not self.marker or Marker(self.marker).evaluate(given)

    def line(self) -> str:
        """As pip reads it."""
        return f"{self.name}=={self.version} " + " ".join(f"--hash={value}" for value in self.hashes)


def locked_packages(text: str) -> dict[str, Locked]:
    """The packages of a requirements file as uv exports it, by name."""
    found = {}
    for match in LOCKED.finditer(text):
        head, _, comment = match["rest"].partition("# via")
        marker = head.partition("\\")[0].strip().removeprefix(";").strip()
        parents = frozenset(re.findall(r"[\w.-]+", comment))
        hashes = tuple(re.findall(r"--hash=(\S+)", head))
        found[match["name"]] = Locked(match["name"], match["version"], marker, hashes, parents)
    return found


def needed(locked: dict[str, Locked], members: Iterable[Path], python_version: str) -> list[Locked]:
    """What the members depend on, directly or not; neither their extras nor the workspace's groups."""
    names: set[str] = set()
    for member in members:
        project = tomllib.loads((member / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        names |= {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    usable = {name: package for name, package in locked.items() if package.applies(python_version)}
    names &= usable.keys()
    while more := {name for name, package in usable.items() if package.wanted_by & names} - names:
        names |= more
    return [usable[name] for name in sorted(names)]


def download(packages: Iterable[Locked], python_version: str, out: Path) -> None:
    """Fetch the wheels from wherever pip is told to look, each checked by its hash."""
    requirements = out / "requirements.txt"
    requirements.write_text("".join(f"{package.line()}\n" for package in packages), encoding="utf-8")
    machine, tag = platform.machine(), python_version.replace(".", "")
    names = (*(f"manylinux_{glibc}" for glibc in GLIBC), "manylinux2014", "manylinux1", "linux")
    platforms = [argument for name in names for argument in ("--platform", f"{name}_{machine}")]
    abis = ["--abi", f"cp{tag}", "--abi", "abi3", "--abi", "none"]
    target = ["--implementation", "cp", "--python-version", python_version, *abis, *platforms]
    exact = ["--require-hashes", "--no-deps", "--only-binary=:all:"]
    _pip("download", "--quiet", "--dest", str(out), *exact, *target, "-r", str(requirements))


def build(members: Sequence[Path], out: Path) -> None:
    """The workspace's own wheels, with the build tools of the lock file and no others; the sources stay untouched."""
    arguments = ("--quiet", "--no-deps", "--no-build-isolation", "-w", str(out / "members"))
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(folder, str(number)) for number, _ in enumerate(members)]
        for member, copy in zip(members, copies, strict=True):
            shutil.copytree(member, copy, ignore=shutil.ignore_patterns("tests", "__pycache__", ".*"))
        _pip("wheel", *arguments, *(str(copy) for copy in copies))


def _pip(*arguments: str) -> None:
    # Tools that a build calls by name lie beside this Python.
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    subprocess.run([sys.executable, "-m", "pip", *arguments], check=True, env={**os.environ, "PATH": path})  # noqa: S603


def main() -> None:
    """Make the folder anew."""
    parser = argparse.ArgumentParser(description="Fill wheels/ for the image.")
    parser.add_argument("--python-version", default="3.13", help="the Python of the image")
    parser.add_argument("--out", default=ROOT / "wheels", type=Path)
    parser.add_argument("members", nargs="+", type=Path, help="folders of the workspace's members")
    given = parser.parse_args()
    shutil.rmtree(given.out, ignore_errors=True)
    (given.out / "members").mkdir(parents=True)
    locked = locked_packages((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    packages = needed(locked, given.members, given.python_version)
    download(packages, given.python_version, given.out)
    build(given.members, given.out)
    sys.stdout.write(f"{given.out}: {len(packages)} packages for Python {given.python_version}, and our own\n")


if __name__ == "__main__":
    main()
