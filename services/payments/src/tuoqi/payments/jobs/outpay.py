"""What goes out when a cycle becomes INSTRUCTED, to which account, and what waits. Pure work for a thread."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date

from tuoqi.contracts.registry.v1 import facility_service_pb2 as places
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.payments.domain.cycle import Cycle
from tuoqi.payments.domain.payees import (
    AccountVersion,
    Item,
    Payee,
    Stay,
    Waiting,
    instructions,
    reissue_id,
    whose_account,
)
from tuoqi.payments.store.facts import Vitals
from tuoqi.payments.store.instructions import Issued, Move, Purse

_Found = list[tuple[Purse, AccountVersion]]
_ID_BYTES = 8


@dataclass(slots=True)
class Outpay:
    """The new instructions of a cycle, and where each purse goes."""

    issued: list[Issued] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)

    @property
    def sum_fen(self) -> int:
        """What goes out, re-issues included."""
        return sum(one.amount_fen for one in self.issued)


@dataclass(frozen=True, slots=True)
class Known:
    """What is known on the day on which money goes out."""

    payees: Mapping[str, registry.Payee]
    vitals: Mapping[str, Vitals]
    stays: Mapping[str, Sequence[tuple[str, date, date | None]]]
    """Facility, first day, last day, of people with facility lines."""
    facilities: Mapping[str, places.FacilityPayee]

    def payee(self, person_id: str) -> Payee:
        """All that decides whose account it is."""
        payee, vitals = self.payees[person_id], self.vitals[person_id]
        stays = tuple(
            Stay(facility, began, ended, _account(self.facilities[facility]))
            for facility, began, ended in self.stays.get(person_id, ())
        )
        return Payee(vitals.birth_date, vitals.died, _account(payee), payee.held_by_guardian, stays)


def plan_outpay(
    cycle: Cycle,
    purses: Sequence[Purse],
    known: Known,
    *,
    day: date,
    order: tuple[str, ...],
    taken: AbstractSet[str] = frozenset(),
) -> Outpay:
    """Look at every purse by the facts of the day. Run again over the same it answers the same, ids included."""
    plan = Outpay()
    fresh: _Found = []
    returned: defaultdict[str, _Found] = defaultdict(list)
    people = {person: known.payee(person) for person in {purse.person_id for purse in purses}}
    for purse in purses:
        account = whose_account(people[purse.person_id], day, facility_line=purse.facility)
        if isinstance(account, Waiting):
            plan.moves.append(Move(purse, "WAITING", reason=account.value))
        elif purse.returned_id:
            returned[purse.returned_id].append((purse, account))
        else:
            fresh.append((purse, account))
    _issue(plan, cycle, fresh, order)
    used = set(taken)
    for old_id in sorted(returned):
        _reissue(plan, cycle, old_id, returned[old_id], order, used)
    return plan


def _account(payee: registry.Payee | places.FacilityPayee) -> AccountVersion | None:
    if not payee.account_version_id:
        return None
    known_at = payee.known_at.ToDatetime(tzinfo=UTC)
    return AccountVersion(payee.account_version_id, payee.account_key, int(known_at.timestamp() * 1_000_000))


def _issue(plan: Outpay, cycle: Cycle, found: _Found, order: tuple[str, ...]) -> None:
    """One instruction for each account and programme. The id follows from what it is for, never from a count."""
    ids: dict[tuple[str, str], str] = {}
    for one in instructions(_items(cycle, found), order):
        what = f"{cycle.cycle_id}|{one.programme}|{one.account.key}".encode()
        digest = hashlib.blake2b(what, digest_size=_ID_BYTES).hexdigest()
        new_id = ids[one.programme, one.account.key] = f"{cycle.name}-{digest}"
        plan.issued.append(Issued(new_id, one.programme, one.account.version_id, one.account.key, one.amount_fen))
    _send(plan, found, ids)


def _reissue(plan: Outpay, cycle: Cycle, old_id: str, found: _Found, order: tuple[str, ...], used: set[str]) -> None:
    """A returned instruction goes out again under an id that names it; its people may have several accounts by now."""
    ids: dict[tuple[str, str], str] = {}
    first_id = reissue_id(old_id, used)
    for nth, one in enumerate(instructions(_items(cycle, found), order), start=1):
        new_id = first_id if nth == 1 else f"{first_id}.{nth}"
        used.add(new_id)
        ids[one.programme, one.account.key] = new_id
        account = one.account
        plan.issued.append(Issued(new_id, one.programme, account.version_id, account.key, one.amount_fen, old_id))
    _send(plan, found, ids)


def _items(cycle: Cycle, found: _Found) -> Iterable[tuple[Item, AccountVersion]]:
    """Purses as items of an instruction; their months are summed already, the cycle's stands for them."""
    for purse, account in found:
        yield Item(cycle.cycle_id, purse.person_id, purse.programme, cycle.month, purse.amount_fen), account


def _send(plan: Outpay, found: _Found, ids: Mapping[tuple[str, str], str]) -> None:
    for purse, account in found:
        plan.moves.append(Move(purse, "SENT", instruction_id=ids[purse.programme, account.key]))
