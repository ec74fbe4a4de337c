"""All rules of the county that visits decides by, as one value."""

from dataclasses import dataclass

from tuoqi.visits.domain.grades import VisitPolicy


@dataclass(frozen=True, slots=True)
class VisitsRules:
    """Each area's rules, read from its own file of the county's `visits` folder."""

    grades: VisitPolicy
