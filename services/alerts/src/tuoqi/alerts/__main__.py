"""Alerts 预警: what is wrong, who must act by when, what closed it. Wiring only."""

from tuoqi.alerts.consumer import SUBSCRIPTION
from tuoqi.alerts.domain.alert import TWO_FAILED_TRIES, VISIT_OVERDUE
from tuoqi.alerts.domain.book import AlertBook
from tuoqi.alerts.domain.errors import REFUSALS
from tuoqi.alerts.domain.policy import PolicyError, read_policy
from tuoqi.alerts.domain.rules import AlertPolicy
from tuoqi.alerts.jobs.escalation import EscalationTimer
from tuoqi.alerts.jobs.export import AlertExporter
from tuoqi.alerts.jobs.sight import Sight
from tuoqi.alerts.peers import Registry
from tuoqi.alerts.rpc.alerts import AlertsServicer, add_alerts
from tuoqi.alerts.settings import AlertsSettings
from tuoqi.alerts.store import AlertBookStore
from tuoqi.kit.county import County
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


def read_rules(county: County) -> AlertPolicy:
    """The county's one file about alerts. Raises PolicyError where it knows not what visits' events raise."""
    policy = read_policy(county.document("alerts/kinds.yaml").content, county.version)
    for rules in policy.versions:
        missing = {VISIT_OVERDUE, TWO_FAILED_TRIES} - {rule.kind for rule in rules.kinds}
        if missing:
            raise PolicyError(f"alert_rules of {rules.effective_from}", f"kinds are missing: {', '.join(missing)}")
    return policy


SERVICE = Service(
    name="alerts",
    settings=AlertsSettings,
    subscriptions=[SUBSCRIPTION],
    stores={AlertBook: STORE},
    read_policy=read_rules,
    build=build,
)

if __name__ == "__main__":
    main(SERVICE)
