import os
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home, read_json, write_json

HOLD = """
import sys
from pathlib import Path
from tuoqi.cli.local.home import Home
with Home(Path(sys.argv[1]), Path(sys.argv[1])).locked():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_given_home_wins_and_a_checkout_comes_before_the_users_own(tmp_path: Path) -> None:
    assert Home.from_environment({"TUOQI_HOME": "/srv/t", "TUOQI_CACHE": "/srv/c"}, tmp_path) == Home(
        Path("/srv/t"), Path("/srv/c")
    )
    assert Home.from_environment({}, tmp_path).root == Path.home() / ".local" / "share" / "tuoqi"
    (tmp_path / "pyproject.toml").touch()
    assert Home.from_environment({}, tmp_path).root == tmp_path / ".local"


def test_secrets_and_kafka_are_closed_to_others_and_a_found_folder_keeps_its_mode(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "cache")
    home.root.mkdir(mode=0o750)
    home.create()
    modes = {folder.name: folder.stat().st_mode & 0o777 for folder in (home.root, home.secrets, home.kafka, home.run)}
    assert modes == {"home": 0o750, "secrets": 0o700, "kafka": 0o700, "run": 0o755}


def test_a_second_start_of_the_same_home_is_refused_and_names_the_first(tmp_path: Path) -> None:
    home = Home(tmp_path, tmp_path / "cache")
    home.create()
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=PIPE, stdin=PIPE, text=True) as other:
        assert other.stdout
        assert other.stdout.readline() == "held\n"
        with pytest.raises(LocalError, match=rf"already running \(process {other.pid}\)"), home.locked():
            pass
        other.kill()
    with home.locked():
        assert (home.run / "lock").read_text() == f"{os.getpid()}\n"


def test_a_damaged_file_reads_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    write_json(path, {"state": "运行"})
    assert read_json(path) == {"state": "运行"}
    path.write_text('{"state": ')
    assert read_json(path) == {}
