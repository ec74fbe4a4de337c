"""Alerts 预警: what is wrong, who must act by when, what closed it. Wiring only."""

from tuoqi.alerts.consumer import SUBSCRIPTION
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.errors import REFUSALS
from tuoqi.alerts.jobs.escalation import EscalationTimer
from tuoqi.alerts.jobs.export import AlertExporter
from tuoqi.alerts.jobs.policies import find_faults, read_rules
from tuoqi.alerts.jobs.sight import Sight
from tuoqi.alerts.peers import Registry
from tuoqi.alerts.rpc.alerts import AlertsServicer, add_alerts
from tuoqi.alerts.settings import AlertsSettings
from tuoqi.alerts.store import AlertBookStore
from tuoqi.kit.errors import register_errors
from tuoqi.kit.service import Parts, Runtime, Service, main

STORE = AlertBookStore()
register_errors(REFUSALS)


def build(runtime: Runtime) -> Parts:
    """What alerts adds to the kit."""
    registry = Registry(runtime.peers)
    sight = Sight(registry)
    return Parts(
        servicers=[add_alerts(AlertsServicer(runtime.database, runtime.clock, runtime.commander, sight))],
        exporters=[AlertExporter(runtime.database, registry, sight)],
        timers=[EscalationTimer(runtime.commander, STORE, runtime.policy)],
    )


SERVICE = Service(
    name="alerts",
    settings=AlertsSettings,
    subscriptions=[SUBSCRIPTION],
    stores={AlertBook: STORE},
    read_policy=read_rules,
    find_faults=find_faults,
    build=build,
)

if __name__ == "__main__":
    main(SERVICE)
