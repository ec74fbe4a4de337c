"""The shipped county's rules about alerts."""

from pathlib import Path

import pytest
import yaml

from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.kit.county import County

KINDS = Path(__file__).parents[3] / "deploy/counties/990101/alerts/kinds.yaml"


@pytest.fixture(scope="session")
def policy() -> AlertPolicy:
    """The rules that ship."""
    return read_policy(yaml.safe_load(KINDS.read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def county() -> County:
    """The shipped county."""
    return County.load(KINDS.parents[1])
