"""The real `tuoqi` command on a test's platform."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from county_platform import CountyPlatform

from tuoqi.cli.platform import county_dir

TUOQI = Path(sys.executable).parent / "tuoqi"


async def tuoqi(platform: CountyPlatform, *arguments: str) -> str:
    """What a command prints and says; it must end well."""
    return "".join(await _run(platform, *arguments))


async def _run(platform: CountyPlatform, *arguments: str) -> tuple[str, str]:
    environment = {**os.environ, "TUOQI_HOME": str(platform.home.root), "TUOQI_COUNTY_DIR": str(county_dir())}
    process = await asyncio.create_subprocess_exec(
        str(TUOQI),
        *arguments,
        env=environment,
        cwd=platform.files,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, f"tuoqi {' '.join(arguments)}: {process.returncode}\n{out.decode()}{err.decode()}"
    return out.decode(), err.decode()


async def tuoqi_json(platform: CountyPlatform, *arguments: str) -> list[dict[str, Any]]:
    """The objects that a command prints with --json, one on a line."""
    printed, _ = await _run(platform, *arguments, "--json")
    return [json.loads(line) for line in printed.splitlines() if line]
