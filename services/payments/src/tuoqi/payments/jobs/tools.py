"""What payments' long work needs, handed over once by `__main__`; and how its refusals reach a caller."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tuoqi.kit.clock import BusinessClock
from tuoqi.kit.commands import Call, Commander
from tuoqi.kit.database import Database, Tx
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.ids import IdMaker
from tuoqi.kit.rights import Actor, current_actor
from tuoqi.kit.signing import Signer
from tuoqi.payments.domain.banks import BankFormats
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.errors import REFUSALS, PaymentsError
from tuoqi.payments.domain.funding import FundingRules
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.handlers import ACTS
from tuoqi.payments.peers import Registry
from tuoqi.payments.store.cycles import find_cycle

register_errors(REFUSALS)


@dataclass(frozen=True, slots=True)
class Tools:
    """Database, clock, rules and the registry: everything that a job may use."""

    database: Database
    commander: Commander
    clock: BusinessClock
    ids: IdMaker
    policy: Policy
    policy_version: str
    """The hash of the county's files, stored with what they decided."""
    registry: Registry
    facts_wait_s: float
    """How long to wait until every event up to a moment is applied, by the system clock."""
    chunk_persons: int
    """People reckoned and written in one go."""
    banks: BankFormats = field(default_factory=BankFormats)
    """The county's bank templates."""
    funding: FundingRules = field(default_factory=FundingRules)
    """Where the money comes from."""
    signer: Signer | None = None
    """Signs what goes to the bank; None where the platform has no key for it."""

    def call(self, cycle: Cycle, command: object, *, by: str, cause: str = "") -> Call:
        """An act on a cycle. The same act on the same version of a cycle makes the same event ids."""
        name = type(command).__name__
        return Call(
            key=cycle.cycle_id,
            handler=ACTS[type(command)],
            message=command,
            cause=cause or f"{name}|{cycle.cycle_id}|{cycle.version}|{by}",
            at=self.clock.now(),
            actor=by,
        )

    async def find(self, named: str) -> Cycle:
        """A cycle by id, name or month. Raises payments.cycle_unknown."""
        async with self.database.begin() as tx:
            return await known_cycle(tx, named)


async def known_cycle(tx: Tx, named: str) -> Cycle:
    """A cycle by id, name or month. Raises payments.cycle_unknown."""
    cycle = await find_cycle(tx, named)
    if cycle is None:
        raise TuoqiError("payments.cycle_unknown", cycle=named)
    return cycle


def county_actor(policy: Policy) -> Actor:
    """Who calls, if he may act in the whole county: a cycle knows no smaller region. Raises auth.no_region."""
    actor = current_actor()
    actor.require_region(policy.county)
    return actor


@contextmanager
def refusing() -> Iterator[None]:
    """The one place where a refusal of the domain becomes one of the platform, with the same slug and details."""
    try:
        yield
    except PaymentsError as refusal:
        raise TuoqiError(refusal.slug, **refusal.detail) from refusal
