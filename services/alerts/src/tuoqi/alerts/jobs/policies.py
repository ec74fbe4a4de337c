"""The county's files as alerts reads them, one reader for each file of the `alerts` folder."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tuoqi.alerts.domain.alert import TWO_FAILED_TRIES, VISIT_OVERDUE
from tuoqi.alerts.domain.fields import PolicyError
from tuoqi.alerts.domain.oncall_policy import read_oncall
from tuoqi.alerts.domain.policy import read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.domain.sources import read_sources
from tuoqi.alerts.domain.warning_rules import read_warnings
from tuoqi.kit.checking import Findings, faults_of
from tuoqi.kit.county import County, CountyError

NEEDED: Final = frozenset({VISIT_OVERDUE, TWO_FAILED_TRIES})
"""What visits' own events raise, whatever else a county has."""


def read_kinds(county: County) -> AlertPolicy:
    """The rules of `kinds.yaml`. Raises CountyError where it knows not what visits' events raise."""
    return county.read("alerts/kinds.yaml", lambda content: _complete(read_policy(content, county.version)))


def read_rules(county: County) -> AlertPolicy:
    """Everything that decides about alerts. Raises CountyError where one file names a kind that another lacks."""
    policy = read_kinds(county)
    known = {rule.kind for rules in policy.versions for rule in rules.kinds}
    sources = county.read("alerts/sources.yaml", read_sources)
    if missing := sources.kinds - known:
        raise CountyError(f"alerts/sources.yaml: kinds.yaml 没有种类：{'、'.join(sorted(missing))}")
    warnings = county.read("alerts/warnings.yaml", read_warnings)
    if warnings.alert_kind not in known:
        raise CountyError(f"alerts/warnings.yaml: kinds.yaml 没有种类：{warnings.alert_kind}")
    oncall = county.read("alerts/oncall.yaml", read_oncall)
    if strange := sorted(oncall.telling.by_kind.keys() - known):
        raise CountyError(f"alerts/oncall.yaml: kinds.yaml 没有种类：{'、'.join(strange)}")
    return replace(policy, sources=sources, warnings=warnings, oncall=oncall)


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
