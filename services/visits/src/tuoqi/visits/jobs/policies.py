"""The county's files as visits reads them, one reader for each file of the `visits` folder."""

from __future__ import annotations

from typing import Final

from tuoqi.kit.checking import Findings, faults_of
from tuoqi.kit.county import County
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.policy import read_policy
from tuoqi.visits.domain.rules import VisitsRules


def read_grades(county: County) -> VisitPolicy:
    """The grade tables of `grades.yaml`."""
    return county.read("visits/grades.yaml", read_policy)


READERS: Final = (read_grades,)
"""Every reader; each raises CountyError with file, line and reason."""


def read_rules(county: County) -> VisitsRules:
    """All rules that handlers decide by. Raises CountyError as the readers do."""
    return VisitsRules(grades=read_grades(county))


def find_faults(county: County) -> Findings:
    """All that visits has to say of a county's files."""
    return faults_of(county, READERS)
