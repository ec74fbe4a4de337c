import shutil
from typing import NamedTuple

import pytest

from tuoqi.cli.local import doctor
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home


class Usage(NamedTuple):
    """As shutil.disk_usage answers, in bytes."""

    total: int
    used: int
    free: int


def test_a_start_that_would_fill_the_disk_is_refused_before_anything_is_written(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**10, 10**10 - 10**9, 10**9))
    with pytest.raises(LocalError, match=rf"not enough space: 1\.0 GB free in {home.root}, 1\.5 GB needed"):
        doctor.require_space(home)
    (home.postgres / "data").mkdir()
    doctor.require_space(home)


def test_every_check_says_what_it_found(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(home.root / "none"))
    checks = {check.name: check for check in doctor.examine(home)}
    assert list(checks) == ["folders", "python", "disk", "memory", "postgres", "java", "kafka", "ports"]
    assert not checks["java"].ok
    assert "holds no Java" in checks["java"].message
    assert all(check.message for check in checks.values())
