"""The payments service: `python -m tuoqi.payments` serves, `python -m tuoqi.payments migrate` brings the schema up."""

from __future__ import annotations

from tuoqi.kit.county import County, CountyError
from tuoqi.kit.service import Parts, Runtime, Service, main
from tuoqi.payments.consumer import SUBSCRIPTION
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.policy import Policy, parse_policy
from tuoqi.payments.domain.policy_fields import PolicyError
from tuoqi.payments.jobs.exports import BankInstructions, PaymentLines, Recoveries, WaitingMoney
from tuoqi.payments.jobs.prices import PriceIndex
from tuoqi.payments.jobs.results import BankResults
from tuoqi.payments.jobs.tools import Tools
from tuoqi.payments.peers import RegistryPeer
from tuoqi.payments.rpc.payments import add_payments
from tuoqi.payments.settings import PaymentsSettings
from tuoqi.payments.store.cycles import CycleStore


def read_policy(county: County) -> Policy:
    """The county's payment rules. Raises CountyError which names file, place and reason."""
    names = sorted(path.name for path in (county.folder / "payments").glob("*.yaml"))
    try:
        return parse_policy(dict(zip(names, county.policy("payments"), strict=True)))
    except PolicyError as error:
        raise CountyError(f"{county.folder}/payments/{error}") from error


def build(runtime: Runtime) -> Parts:
    """Hand each room what it needs."""
    settings = runtime.settings
    if not isinstance(settings, PaymentsSettings):
        raise TypeError("payments is started with its own settings")
    tools = Tools(
        database=runtime.database,
        commander=runtime.commander,
        clock=runtime.clock,
        ids=runtime.ids,
        policy=runtime.policy,
        policy_version=runtime.county.version,
        registry=RegistryPeer(runtime.peers),
        facts_wait_s=settings.facts_wait_s,
        chunk_persons=settings.chunk_persons,
    )
    return Parts(
        servicers=[add_payments(tools)],
        importers=[BankResults(tools), PriceIndex()],
        exporters=[PaymentLines(tools), BankInstructions(tools), Recoveries(tools), WaitingMoney(tools)],
    )


SERVICE = Service(
    name="payments",
    build=build,
    settings=PaymentsSettings,
    subscriptions=(SUBSCRIPTION,),
    stores={Cycle: CycleStore()},
    read_policy=read_policy,
)

if __name__ == "__main__":
    main(SERVICE)
