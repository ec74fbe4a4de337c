"""Compiles the contracts when the wheel is built, so that nothing generated stands in git.

A `.proto` of package `tuoqi.registry.v1` becomes the module `tuoqi.contracts.registry.v1.…_pb2`: the services' own
packages are called `tuoqi.registry` and so on, and the two must never be mistaken for each other.
Run by hand: `python proto/build_contracts.py`.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
OUT = HERE / "src" / "tuoqi" / "contracts"
DOMAINS = ("common", "registry", "payments", "visits", "alerts")

# Only import lines may change: the same words inside serialized descriptors and method paths are protobuf names.
PYTHON_IMPORT = re.compile(rf"^(\s*(?:from|import) )(tuoqi\.(?:{'|'.join(DOMAINS)})\.v1|buf\.validate)\b", re.MULTILINE)


def compile_contracts() -> None:
    """Compile every contract into OUT, with stubs, topics and one descriptor set. Raises where protoc does."""
    import grpc_tools  # noqa: PLC0415
    from grpc_tools import protoc  # noqa: PLC0415

    # protoc finds its plugins on PATH; they lie beside the interpreter that builds.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    files = sorted(str(path.relative_to(HERE)) for path in (HERE / "tuoqi").rglob("*.proto"))
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder)
        arguments = [
            "protoc",
            f"-I{HERE}",
            f"-I{HERE / 'vendor'}",
            f"-I{well_known}",
            *(f"--{plugin}_out={target}" for plugin in ("python", "grpc_python", "mypy", "mypy_grpc")),
            "--mypy_opt=quiet",
            "--mypy_grpc_opt=quiet",
            *files,
            "buf/validate/validate.proto",
        ]
        if protoc.main([*arguments]) != 0:
            raise SystemExit("the contracts do not compile; see protoc's message above")
        descriptors = [
            f"--descriptor_set_out={OUT / 'descriptors.binpb'}",
            "--include_imports",
            "--include_source_info",
        ]
        protoc.main(["protoc", *arguments[1:4], *descriptors, *files])
        _install(target)


def _install(compiled: Path) -> None:
    for domain in DOMAINS:
        shutil.rmtree(OUT / domain, ignore_errors=True)
    shutil.rmtree(OUT / "buf", ignore_errors=True)
    for path in sorted(compiled.rglob("*_pb2*")):
        relative = path.relative_to(compiled)
        parts = relative.parts[1:] if relative.parts[0] == "tuoqi" else relative.parts
        destination = OUT.joinpath(*parts)
        destination.parent.mkdir(parents=True, exist_ok=True)
        text = PYTHON_IMPORT.sub(lambda m: m[1] + _moved(m[2]), path.read_text(encoding="utf-8"))
        destination.write_text(text, encoding="utf-8")
    for topics in sorted((HERE / "tuoqi").glob("*/v1/topics.yaml")):
        shutil.copy(topics, OUT / topics.parent.parent.name / "v1" / "topics.yaml")


def _moved(package: str) -> str:
    return "tuoqi.contracts." + package.removeprefix("tuoqi.")


try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand, without the builder
    pass
else:

    class CompileContracts(BuildHookInterface):  # type: ignore[type-arg]  # its parameter is of hatchling's inner life
        """Hatchling's hook: compiles before the files of the wheel are collected."""

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
            """Compile the contracts."""
            compile_contracts()


if __name__ == "__main__":
    compile_contracts()
    sys.stdout.write(f"compiled into {OUT}\n")
