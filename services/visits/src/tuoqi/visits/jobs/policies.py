"""The county's files as visits reads them, one reader for each file of the `visits` folder."""

from __future__ import annotations

from tuoqi.kit.county import County
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.policy import read_policy
from tuoqi.visits.domain.rules import VisitsRules

FOLDER = "visits"


def read_rules(county: County) -> VisitsRules:
    """All rules that handlers decide by. Raises CountyError where a file is missing, PolicyError where one is wrong."""
    return VisitsRules(grades=read_grades(county))


def read_grades(county: County) -> VisitPolicy:
    """The grade tables of `grades.yaml`."""
    return read_policy(county.document(f"{FOLDER}/grades.yaml").content)
