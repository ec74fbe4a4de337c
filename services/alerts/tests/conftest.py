"""The shipped county's rules about alerts."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.sources import read_sources
from tuoqi.alerts.domain.warning_rules import read_warnings
from tuoqi.kit.county import County

FILES = ("kinds", "sources", "warnings")
KINDS = Path(__file__).parents[3] / "deploy/counties/990101/alerts/kinds.yaml"


@pytest.fixture(scope="session")
def policy() -> AlertPolicy:
    """The rules that ship."""
    files = {name: yaml.safe_load((KINDS.parent / f"{name}.yaml").read_text(encoding="utf-8")) for name in FILES}
    policy = read_policy(files["kinds"])
    return replace(policy, sources=read_sources(files["sources"]), warnings=read_warnings(files["warnings"]))


@pytest.fixture(scope="session")
def county() -> County:
    """The shipped county."""
    return County.load(KINDS.parents[1])
