"""All rules of the county that visits decides by, as one value."""

from dataclasses import dataclass, field

from tuoqi.visits.domain.activities import ActivityRules
from tuoqi.visits.domain.contracts import ContractRules
from tuoqi.visits.domain.figures import Figures
from tuoqi.visits.domain.findings import FindingRules
from tuoqi.visits.domain.given import ServiceKinds
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.pairings import PairingRules
from tuoqi.visits.domain.record_rules import RecordRules
from tuoqi.visits.domain.task_rules import TaskRules


@dataclass(frozen=True, slots=True)
class VisitsRules:
    """Each area's rules, read from its own file of the county's `visits` folder."""

    grades: VisitPolicy
    tasks: TaskRules = field(default_factory=TaskRules)
    findings: FindingRules = field(default_factory=FindingRules)
    services: ServiceKinds = field(default_factory=ServiceKinds)
    contracts: ContractRules = field(default_factory=ContractRules)
    records: RecordRules = field(default_factory=RecordRules)
    pairings: PairingRules = field(default_factory=PairingRules)
    activities: ActivityRules = field(default_factory=ActivityRules)
    figures: Figures = field(default_factory=Figures)
