"""The county's files as alerts reads them, one reader for each file of the `alerts` folder."""

from __future__ import annotations

from typing import Final

from tuoqi.alerts.domain.alert import TWO_FAILED_TRIES, VISIT_OVERDUE
from tuoqi.alerts.domain.fields import PolicyError
from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.kit.checking import Findings, faults_of
from tuoqi.kit.county import County

NEEDED: Final = frozenset({VISIT_OVERDUE, TWO_FAILED_TRIES})
"""What visits' own events raise, whatever else a county has."""


def read_rules(county: County) -> AlertPolicy:
    """The rules of `kinds.yaml`. Raises CountyError where it knows not what visits' events raise."""
    return county.read("alerts/kinds.yaml", lambda content: _complete(read_policy(content, county.version)))


READERS: Final = (read_rules,)
"""Every reader; each raises CountyError with file, line and reason."""


def find_faults(county: County) -> Findings:
    """All that alerts has to say of a county's files."""
    return faults_of(county, READERS)


def _complete(policy: AlertPolicy) -> AlertPolicy:
    for place, rules in enumerate(policy.versions):
        if missing := NEEDED - {rule.kind for rule in rules.kinds}:
            raise PolicyError(f"alert_rules[{place}].kinds", f"缺少种类：{'、'.join(sorted(missing))}")
    return policy
