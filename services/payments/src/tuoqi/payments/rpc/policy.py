"""PolicyService: a county's files are checked, and compared with the running ones, before they are switched on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import grpc

from tuoqi.contracts.payments.v1 import policy_service_pb2 as pb
from tuoqi.contracts.payments.v1 import policy_service_pb2_grpc
from tuoqi.contracts.registry.v1 import registry_service_pb2 as registry
from tuoqi.kit.checking import Findings
from tuoqi.kit.county import County
from tuoqi.payments.domain.explain import because_of
from tuoqi.payments.domain.months import Month
from tuoqi.payments.domain.policy import Policy
from tuoqi.payments.domain.policy_diff import PersonChange, ProgrammeTotal
from tuoqi.payments.jobs.policies import policy_of, uploaded
from tuoqi.payments.jobs.policy_diff import Comparison, compare_policies
from tuoqi.payments.jobs.tools import Tools, county_actor

PERSONS = 1_000
"""People in one answer, at most."""
_Names = Mapping[str, registry.PersonDescription]


class PolicyServicer(policy_service_pb2_grpc.PolicyServiceServicer):
    """Checks and compares; writes nothing."""

    def __init__(self, tools: Tools, county: County, find: Callable[[County], Findings]) -> None:
        self._tools = tools
        self._county = county
        self._find = find

    async def CheckPolicy(self, request: pb.CheckPolicyRequest, context: Any) -> pb.CheckPolicyResponse:
        """Every fault, and what stands in the files."""
        texts = dict(request.files.texts)
        county = uploaded(texts) if texts else self._county
        found = await asyncio.to_thread(self._find, county)
        return _checked(found)

    async def DiffPolicy(self, request: pb.DiffPolicyRequest, context: Any) -> AsyncIterator[pb.DiffPolicyResponse]:
        """One month for everybody under two policies."""
        county_actor(self._tools.policy)
        old = await asyncio.to_thread(policy_of, dict(request.old.texts), self._tools.policy)
        new = await asyncio.to_thread(policy_of, dict(request.new.texts), self._tools.policy)
        comparison = Comparison((old, new), Month.parse(request.month))
        async for changes in compare_policies(self._tools, comparison):
            # Without people it is progress alone.
            listed = changes if request.with_persons else []
            for first in range(0, max(len(listed), 1), PERSONS):
                yield pb.DiffPolicyResponse(
                    persons_done=comparison.done,
                    persons_total=comparison.total,
                    persons=await self._views(listed[first : first + PERSONS], request, new),
                )
        biggest = [change for _, _, change in sorted(comparison.totals.biggest, key=lambda one: (-one[0], one[1]))]
        totals = comparison.totals
        yield pb.DiffPolicyResponse(
            persons_done=comparison.done,
            persons_total=comparison.total,
            diff=pb.PolicyDiff(
                month=request.month,
                persons=totals.persons,
                gaining=totals.gaining,
                losing=totals.losing,
                shifted=totals.shifted,
                programmes=_programmes(old, new, totals.programmes),
                biggest=await self._views(biggest, request, new),
            ),
        )

    async def _views(
        self, changes: Sequence[PersonChange], request: pb.DiffPolicyRequest, policy: Policy
    ) -> list[pb.PolicyPersonChange]:
        """People as they are shown; names are asked of the registry, with the caller's rights, and kept nowhere."""
        names: _Names = {}
        if (request.with_names or request.reveal) and changes:
            ids = [change.person_id for change in changes]
            names = await self._tools.registry.describe(ids, reveal=request.reveal)
        return [_person(change, names.get(change.person_id), policy) for change in changes]


def _checked(found: Findings) -> pb.CheckPolicyResponse:
    programmes = [
        pb.PolicyProgramme(
            key=one["key"],
            name=one["name"],
            rule=one["rule"],
            category=one["category"],
            versions=[
                pb.PolicyVersion(
                    version=version["version"],
                    effective_from=version["effective_from"],
                    until=version["until"],
                    terms=version["terms"],
                    amounts=[pb.PolicyAmount(**amount) for amount in version["amounts"]],
                )
                for version in one["versions"]
            ],
        )
        for one in found.content.get("programmes", ())
    ]
    return pb.CheckPolicyResponse(
        faults=[pb.PolicyFault(file=f.file, line=f.line, place=f.place, reason=f.reason) for f in found.faults],
        county=found.content.get("county", ""),
        programmes=programmes,
        stacking=found.content.get("stacking", ()),
    )


def _programmes(old: Policy, new: Policy, totals: Mapping[str, ProgrammeTotal]) -> list[pb.ProgrammeDiff]:
    keys = [*new.order, *(key for key in old.order if key not in new.order)]
    rows = []
    for key in keys:
        presence = "BOTH" if key in old.order and key in new.order else "ADDED" if key in new.order else "REMOVED"
        total = totals.get(key)
        if total is None and presence == "BOTH":
            continue
        one = total or ProgrammeTotal()
        rows.append(
            pb.ProgrammeDiff(
                programme=key,
                name=new.words.get(key) or old.words.get(key, key),
                presence=presence,
                persons_before=one.persons_before,
                persons_after=one.persons_after,
                fen_before=one.fen_before,
                fen_after=one.fen_after,
                gaining=one.gaining,
                losing=one.losing,
                gain_fen=one.gain_fen,
                loss_fen=one.loss_fen,
            )
        )
    return rows


def _person(change: PersonChange, named: registry.PersonDescription | None, policy: Policy) -> pb.PolicyPersonChange:
    return pb.PolicyPersonChange(
        person_id=change.person_id,
        net_fen=change.net_fen,
        changes=[
            pb.ProgrammeChange(
                programme=one.programme,
                before_fen=one.before_fen,
                after_fen=one.after_fen,
                reason=one.because.reason,
                because=because_of(one.because.reason, one.because.facts, policy.words) if named else "",
            )
            for one in change.changes
        ],
        name=named.name if named else "",
        id_number=named.id_number if named else "",
    )


def add_policy(tools: Tools, county: County, find: Callable[[County], Findings]) -> Callable[[grpc.aio.Server], None]:
    """How the server takes it in; `find` reads a county as this service does at its start."""
    servicer = PolicyServicer(tools, county, find)
    return lambda server: policy_service_pb2_grpc.add_PolicyServiceServicer_to_server(servicer, server)
