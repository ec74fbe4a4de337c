from pathlib import Path

import pytest

from tuoqi.cli.local.errors import LocalError
from tuoqi.cli.local.vault import Vault, read_secret


def test_every_secret_is_its_owners_only_and_no_two_are_equal(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "secrets")
    vault.fill(["registry", "visits"])
    files = [path for path in vault.root.rglob("*") if path.is_file()]
    folders = [vault.root, *(path for path in vault.root.rglob("*") if path.is_dir())]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o700}
    # superuser, token, 3 keys, 2 roles for each service, admin, ops and a Kafka user for each service
    assert len(files) == len({read_secret(path) for path in files}) == 5 + 2 * 2 + 2 + 2
    assert len(bytes.fromhex(read_secret(vault.keys / "master.key"))) == 32


def test_a_second_fill_keeps_what_is_there_adds_what_is_new_and_closes_what_was_opened(tmp_path: Path) -> None:
    vault = Vault(tmp_path)
    vault.fill(["registry"])
    before = read_secret(vault.database("registry"))
    vault.database("registry").chmod(0o644)
    vault.token.write_text("")
    vault.fill(["registry", "alerts"])
    assert read_secret(vault.database("registry")) == before
    assert vault.database("registry").stat().st_mode & 0o777 == 0o600
    assert read_secret(vault.migrator("alerts"))
    assert read_secret(vault.token), "a file that a crash left empty is filled"


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match=r"nobody\.password"):
        read_secret(Vault(tmp_path).kafka("nobody"))
