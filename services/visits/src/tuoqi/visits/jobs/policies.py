"""The county's files as visits reads them, one reader for each file of the `visits` folder."""

from __future__ import annotations

from typing import Final

from tuoqi.kit.checking import Findings, faults_of
from tuoqi.kit.county import County
from tuoqi.visits.domain.activities import ActivityRules, read_activity_rules
from tuoqi.visits.domain.contracts import ContractRules
from tuoqi.visits.domain.contracts_policy import read_contract_rules
from tuoqi.visits.domain.figures import Figures, Known, parse_figures
from tuoqi.visits.domain.findings import FindingRules
from tuoqi.visits.domain.findings_policy import read_finding_rules
from tuoqi.visits.domain.given import ServiceKinds, read_service_kinds
from tuoqi.visits.domain.grades import VisitPolicy
from tuoqi.visits.domain.pairing_policy import read_pairing_rules
from tuoqi.visits.domain.pairings import PairingRules
from tuoqi.visits.domain.policy import read_policy
from tuoqi.visits.domain.record_rules import RecordRules, read_record_rules
from tuoqi.visits.domain.rules import VisitsRules
from tuoqi.visits.domain.task_rules import TaskRules, read_task_rules


def read_grades(county: County) -> VisitPolicy:
    """The grade tables of `grades.yaml`."""
    return county.read("visits/grades.yaml", read_policy)


def read_tasks(county: County) -> TaskRules:
    """Who looks after whom, and extra tasks, of `tasks.yaml`; a county without the file shares nobody out."""
    name = "visits/tasks.yaml"
    return county.read(name, read_task_rules) if name in county.names("visits") else TaskRules()


def read_findings(county: County) -> FindingRules:
    """What follows from findings, of `findings.yaml`; in a county without the file the township looks at every one."""
    name = "visits/findings.yaml"
    return county.read(name, read_finding_rules) if name in county.names("visits") else FindingRules()


def read_services(county: County) -> ServiceKinds:
    """Kinds of services, of `services.yaml`; a county without the file names none."""
    name = "visits/services.yaml"
    return county.read(name, read_service_kinds) if name in county.names("visits") else ServiceKinds()


def read_contracts(county: County) -> ContractRules:
    """Care contracts, of `contracts.yaml`; a county without the file has none."""
    name = "visits/contracts.yaml"
    return county.read(name, read_contract_rules) if name in county.names("visits") else ContractRules()


def read_records(county: County) -> RecordRules:
    """Channels, roles, checks and attachments, of `records.yaml`; a county without the file has the file contract's."""
    name = "visits/records.yaml"
    return county.read(name, read_record_rules) if name in county.names("visits") else RecordRules()


def read_pairings(county: County) -> PairingRules:
    """Kinds of pairings, of `pairings.yaml`; a county without the file has none."""
    name = "visits/pairings.yaml"
    return county.read(name, read_pairing_rules) if name in county.names("visits") else PairingRules()


def read_activities(county: County) -> ActivityRules:
    """Kinds of activities, of `activities.yaml`; a county without the file has none."""
    name = "visits/activities.yaml"
    return county.read(name, read_activity_rules) if name in county.names("visits") else ActivityRules()


def read_figures(county: County) -> Figures:
    """Definitions of figures, of `figures.yaml`; a county without the file has none."""
    name = "visits/figures.yaml"
    if name not in county.names("visits"):
        return Figures()
    known = Known(read_activities(county).kinds, read_services(county).kinds)
    return county.read(name, lambda data: parse_figures(data, known))


READERS: Final = (
    read_grades,
    read_tasks,
    read_findings,
    read_services,
    read_contracts,
    read_records,
    read_pairings,
    read_activities,
    read_figures,
)
"""Every reader; each raises CountyError with file, line and reason."""


def read_rules(county: County) -> VisitsRules:
    """All rules that handlers decide by. Raises CountyError as the readers do."""
    return VisitsRules(
        grades=read_grades(county),
        tasks=read_tasks(county),
        findings=read_findings(county),
        services=read_services(county),
        contracts=read_contracts(county),
        records=read_records(county),
        pairings=read_pairings(county),
        activities=read_activities(county),
        figures=read_figures(county),
    )


def find_faults(county: County) -> Findings:
    """All that visits has to say of a county's files."""
    return faults_of(county, READERS)
