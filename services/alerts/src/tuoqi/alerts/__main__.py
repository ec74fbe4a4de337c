"""Alerts 预警: what is wrong, who must act by when, what closed it. Wiring only."""

from dataclasses import fields

from tuoqi.alerts.consumer import SUBSCRIPTIONS
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.errors import REFUSALS
from tuoqi.alerts.domain.warnings import WeatherWarning
from tuoqi.alerts.jobs.channels import Ways, load_channels
from tuoqi.alerts.jobs.dispatch import Dispatcher
from tuoqi.alerts.jobs.escalation import EscalationTimer
from tuoqi.alerts.jobs.export import AlertExporter
from tuoqi.alerts.jobs.policies import find_faults, read_rules
from tuoqi.alerts.jobs.reports import ReportDesk
from tuoqi.alerts.jobs.warnings import WarningDesk, WarningTimer
from tuoqi.alerts.peers import Registry
from tuoqi.alerts.rpc.alerts import add_alerts
from tuoqi.alerts.rpc.delivery import add_delivery
from tuoqi.alerts.rpc.desk import Desk
from tuoqi.alerts.rpc.life import add_life
from tuoqi.alerts.rpc.reports import add_reports
from tuoqi.alerts.rpc.warnings import add_warnings
from tuoqi.alerts.settings import AlertsSettings
from tuoqi.alerts.store import AlertBookStore, NoteSeal, WarningStore
from tuoqi.kit.errors import register_errors
from tuoqi.kit.service import Parts, Runtime, Service, main

STORE = AlertBookStore()
register_errors(REFUSALS)


def _ways(settings: AlertsSettings) -> Ways:
    """The channels' part of the settings."""
    return Ways(**{one.name: getattr(settings, one.name) for one in fields(Ways)})


def build(runtime: Runtime) -> Parts:
    """What alerts adds to the kit."""
    database, clock, commander, policy = runtime.database, runtime.clock, runtime.commander, runtime.policy
    seal = NoteSeal(runtime.keys.identity)
    desk = Desk(database, clock, commander, policy, seal)
    reports = ReportDesk(commander, clock, policy, runtime.ids, seal)
    settings = runtime.settings
    if not isinstance(settings, AlertsSettings):
        raise TypeError("alerts runs with the settings of alerts")
    dispatcher = Dispatcher(database, clock, policy, load_channels(_ways(settings)))
    warnings = WarningDesk(commander, clock, policy, runtime.ids)
    return Parts(
        servicers=[
            add_alerts(desk),
            add_life(desk, STORE),
            add_reports(reports, database),
            add_warnings(warnings, database),
            add_delivery(database, clock, policy.oncall),
        ],
        exporters=[AlertExporter(database, Registry(runtime.peers), clock)],
        timers=[EscalationTimer(commander, STORE, policy), WarningTimer(warnings)],
        background=dispatcher.loops(),
    )


SERVICE = Service(
    name="alerts",
    settings=AlertsSettings,
    subscriptions=SUBSCRIPTIONS,
    stores={AlertBook: STORE, WeatherWarning: WarningStore()},
    read_policy=read_rules,
    find_faults=find_faults,
    build=build,
)

if __name__ == "__main__":
    main(SERVICE)
