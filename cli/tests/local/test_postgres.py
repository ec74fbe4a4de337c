import pwd
import stat
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest

from tuoqi.cli.local import postgres
from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.home import Home
from tuoqi.cli.local.postgres import Binaries, find_binaries, unreachable
from tuoqi.cli.local.provision import PostgresAddress, scram_verifier


def _found(monkeypatch: pytest.MonkeyPatch, *majors: int) -> None:
    found = [Binaries(Path(f"/pg/{major}"), major) for major in majors]
    monkeypatch.setattr(postgres, "_candidates", lambda: found)


def test_a_postgresql_that_is_too_old_is_passed_over(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    _found(monkeypatch, 15, 18, 17)
    assert find_binaries(home) == Path("/pg/18")
    _found(monkeypatch, 15)
    with pytest.raises(LocalError, match="No PostgreSQL 16 or later"):
        find_binaries(home)


def test_data_is_opened_only_by_the_version_that_made_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.postgres / "data").mkdir()
    (home.postgres / "data" / "PG_VERSION").write_text("17\n")
    _found(monkeypatch, 18, 17)
    assert find_binaries(home) == Path("/pg/17")
    _found(monkeypatch, 18)
    with pytest.raises(LocalError, match="made by PostgreSQL 17"):
        find_binaries(home)


def test_the_folder_that_keeps_a_user_out_is_named(home: Home) -> None:
    stranger = next(entry.pw_name for entry in pwd.getpwall() if entry.pw_uid not in {0, home.root.stat().st_uid})
    inner = home.cache / "a" / "b"
    inner.mkdir(parents=True, mode=0o755)
    (home.cache / "a").chmod(0o755)
    assert unreachable(inner, stranger) is None
    (home.cache / "a").chmod(0o700)
    assert unreachable(inner, stranger) == home.cache / "a"
    assert stat.S_IMODE((home.cache / "a").stat().st_mode) == 0o700, "looking must not open it"


def test_an_address_takes_its_password_from_a_file_and_never_shows_it(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    address = PostgresAddress.from_url("postgresql://root@db.county:5433/postgres", str(file))
    assert (address.host, address.port, address.user, address.password) == ("db.county", 5433, "root", "s3cret")
    assert "s3cret" not in repr(address)
    with pytest.raises(LocalError, match="not of the form"):
        PostgresAddress.from_url("mysql://root@db/x")


def test_a_verifier_is_the_one_of_rfc_7677() -> None:
    """The RFC's example: password `pencil`, its salt and 4096 rounds; the server key is checked by its signature."""
    salt = "W22ZaJ0SNY7soEsUEjb6gQ=="
    assert scram_verifier("pencil", b64decode(salt)) == (
        f"SCRAM-SHA-256$4096:{salt}$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
        "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )


def test_binaries_copied_for_another_user_run_where_they_are(home: Home) -> None:
    copy = postgres._copied(find_binaries(home), home)  # noqa: SLF001 -- reached only as root with a closed checkout
    assert copy.is_relative_to(home.cache)
    done = subprocess.run([copy / "initdb", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("initdb (PostgreSQL)")
    made = copy.stat().st_ino
    assert postgres._copied(find_binaries(home), home).stat().st_ino == made  # noqa: SLF001 -- as above
