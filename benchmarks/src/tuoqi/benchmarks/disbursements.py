"""`tuoqi bench disbursements`: batches of another system by gRPC, until they are durable and their events are in Kafka.

Eight clients, each with a connection of its own, send batches one after the other to the payments service as shipped:
token, right, validation, trace, metrics, both idempotency walls, outbox. Beside it the limit, a COPY of the same rows
into a table of the same shape and keys by one connection, and the naive way: the same clients, a transaction for each
line, straight into PostgreSQL. Afterwards everything is sent again, in three ways, and what the tables hold is counted.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any, Final

import asyncpg
import grpc
import uvloop

from tuoqi.benchmarks.running import Running, Watch, conditions, platform_of
from tuoqi.cli.local.vault import Vault, read_secret
from tuoqi.contracts.payments.v1 import disbursement_service_pb2 as pb
from tuoqi.contracts.payments.v1.disbursement_service_pb2_grpc import DisbursementServiceStub
from tuoqi.kit.clock import county_day
from tuoqi.kit.rpc.client import connect

USER: Final = "system.edu"
PROGRAMME: Final = "education_grant"
SERVICE: Final = "payments"
PEOPLE_MAX: Final = 50_000
AMOUNT_FEN: Final = 50_000
NAIVE_LINES: Final = 4_000
TARGET_PER_S: Final = 20_000
DRAIN_S_MAX: Final = 120
_FACTS = ("person_id", "version", "known_at", "birth_date", "died_on", "absences", "hukou")
_COLUMNS = ("batch_no", "ordinal", "client", "line_ref", "person_id", "programme", "benefit_month", "amount_fen")
_TOTALS = """
SELECT count(*) AS lines, coalesce(sum(amount_fen), 0)::bigint AS fen, count(DISTINCT line_ref) AS refs,
       (SELECT count(*) FROM disbursement_batches) AS batches,
       (SELECT count(*) FROM outbox WHERE topic = 'tuoqi.payments.disbursement.v1') AS events
FROM disbursements
"""
_NAIVE = """
INSERT INTO naive (batch_no, ordinal, client, line_ref, person_id, programme, benefit_month, amount_fen)
SELECT 0, $1, $2, $3, $4, $5, $6, $7 WHERE EXISTS (SELECT FROM person_facts WHERE person_id = $4)
"""


def bench_disbursements(
    clients: int, batch: int, batches: int, runs: int, say: Callable[[str], None]
) -> dict[str, Any]:
    """The whole measurement; one JSON object."""
    with platform_of((SERVICE,)) as running:
        return uvloop.run(_measure(running, clients, batch, batches, runs, say))


async def _measure(
    running: Running, clients: int, batch: int, batches: int, runs: int, say: Callable[[str], None]
) -> dict[str, Any]:
    database = await asyncpg.connect(running.database_url(SERVICE))
    people = min(PEOPLE_MAX, batch * batches)
    say(f"writing {people:,} people")
    await _fill(database, people)
    token = read_secret(Vault(running.home.secrets).token)
    month = f"{county_day(datetime.now(UTC)):%Y-%m}"
    address = running.endpoints.grpc[SERVICE]
    channels = [connect(address, token, USER, "bench") for _ in range(clients)]
    calls = [DisbursementServiceStub(channel).SubmitBatch for channel in channels]
    await _run(calls, list(_requests("warm", 4 * clients, batch, people, month)))
    sent = list(_requests("r0", 0, batch, people, month))
    measured, drained = [], []
    with Watch(running) as watch:
        for run in range(1, runs + 1):
            say(f"run {run} of {runs}: {batches * batch:,} lines")
            requests = list(_requests(f"r{run}", batches, batch, people, month))
            begun = time.perf_counter()
            answers = await _run(calls, requests)
            measured.append(time.perf_counter() - begun)
            if wrong := sum(answer.batch.accepted != batch for answer in answers):
                raise AssertionError(f"{wrong} batches were not taken whole")
            drained.append(await _drained(database, begun))
            sent += requests
    exact = await _exactness(database, 4 * clients + runs * batches, batch)
    say("sending everything of one run again")
    exact |= await _again(calls, sent[-batches:], batch, database)
    say("the limit, and the naive way")
    limit = [await _limit(database, f"r{run}") for run in range(1, runs + 1)]
    naive = await _naive(running, clients, people, month, database)
    for channel in channels:
        await channel.close()
    await database.close()
    lines = batches * batch
    return _report(
        {"clients": clients, "batch": batch, "lines_a_run": lines, "people": people},
        [lines / one for one in measured], [lines / one for one in drained],
        [lines / one for one in limit], naive, exact, watch,
    )  # fmt: skip


async def _fill(database: Any, people: int) -> None:
    known_at, born = datetime(2024, 1, 1, tzinfo=UTC), date(2010, 1, 1)
    rows = ((_person(n), 1, known_at, born, None, "[]", '[["2024-01-01","990101101001"]]') for n in range(people))
    await database.copy_records_to_table("person_facts", records=rows, columns=_FACTS)
    await database.execute("ANALYZE person_facts")


def _person(number: int) -> str:
    return f"{number * 2_654_435_761 % 2**32:08x}-0000-7000-8000-{number:012d}"


def _requests(name: str, batches: int, batch: int, people: int, month: str) -> Iterator[pb.SubmitBatchRequest]:
    for nth in range(batches):
        lines = [
            pb.DisbursementLine(
                line_ref=f"{name}-{nth * batch + n:09d}", person_id=_person((nth * batch + n) % people),
                amount_fen=AMOUNT_FEN,
            )
            for n in range(batch)
        ]  # fmt: skip
        yield pb.SubmitBatchRequest(
            idempotency_key=f"{name}-{nth}", programme=PROGRAMME, benefit_month=month, lines=lines
        )


async def _run(calls: Sequence[Any], requests: Sequence[pb.SubmitBatchRequest]) -> list[pb.SubmitBatchResponse]:
    """Every client takes the next batch as soon as its last was answered."""
    left = iter(requests)

    async def client(call: Any) -> list[pb.SubmitBatchResponse]:
        return [await call(request) for request in left]

    return [answer for answers in await asyncio.gather(*map(client, calls)) for answer in answers]


async def _drained(database: Any, begun: float) -> float:
    """Seconds from the beginning until the last event had Kafka's ack."""
    while await database.fetchval("SELECT EXISTS (SELECT FROM unsent)"):
        if time.perf_counter() - begun > DRAIN_S_MAX:
            raise TimeoutError("the relay did not come to its end")
        await asyncio.sleep(0.01)
    return time.perf_counter() - begun


async def _exactness(database: Any, batches: int, batch: int) -> dict[str, int]:
    found = await database.fetchrow(_TOTALS)
    lines = batches * batch
    expected = {"lines": lines, "fen": lines * AMOUNT_FEN, "refs": lines, "batches": batches, "events": batches}
    if dict(found) != expected:
        raise AssertionError(f"{dict(found)} instead of {expected}")
    return {"lines_missing": 0, "lines_twice": 0, "fen_off": 0, "events_missing": 0}


async def _again(
    calls: Sequence[Any], sent: Sequence[pb.SubmitBatchRequest], batch: int, database: Any
) -> dict[str, int]:
    """The same keys and bodies; the same lines under other keys; the same keys with other bodies."""
    before = dict(await database.fetchrow(_TOTALS))
    answers = await _run(calls, sent)
    same = sum(answer.batch.accepted == batch for answer in answers)
    if dict(await database.fetchrow(_TOTALS)) != before:
        raise AssertionError("a repeated key wrote something")
    others, changed = [], []
    for request in sent:
        other, less = pb.SubmitBatchRequest(), pb.SubmitBatchRequest()
        other.CopyFrom(request)
        other.idempotency_key += "-again"
        less.CopyFrom(request)
        less.lines[0].amount_fen += 1
        others.append(other)
        changed.append(less)
    duplicates = sum(answer.batch.duplicates for answer in await _run(calls, others))
    after = dict(await database.fetchrow(_TOTALS))
    if (after["lines"], after["fen"]) != (before["lines"], before["fen"]):
        raise AssertionError("a duplicate line was taken")
    refused = 0
    for request in changed:
        try:
            await calls[0](request)
        except grpc.aio.AioRpcError as error:
            refused += error.code() is grpc.StatusCode.ALREADY_EXISTS
    return {
        "repeated_keys_answered_alike": same,
        "duplicate_lines_refused": duplicates,
        "reused_keys_refused": refused,
        "of_batches": len(sent),
    }


async def _limit(database: Any, name: str) -> float:
    """Seconds to COPY the rows of a run into a table of the same shape and keys, durably."""
    rows = [
        tuple(row)
        for row in await database.fetch(
            f"SELECT {', '.join(_COLUMNS)} FROM disbursements WHERE line_ref LIKE '{name}-%'"
        )
    ]
    await database.execute("DROP TABLE IF EXISTS copied; CREATE TABLE copied (LIKE disbursements INCLUDING ALL)")
    begun = time.perf_counter()
    await database.copy_records_to_table("copied", records=rows, columns=_COLUMNS)
    return time.perf_counter() - begun


async def _naive(running: Running, clients: int, people: int, month: str, database: Any) -> float:
    """Lines a second when each is a transaction of its own."""
    await database.execute("DROP TABLE IF EXISTS naive; CREATE TABLE naive (LIKE disbursements INCLUDING ALL)")
    left = iter(range(NAIVE_LINES))

    async def client() -> None:
        connection = await asyncpg.connect(running.database_url(SERVICE))
        for n in left:
            person = _person(n % people)
            await connection.execute(_NAIVE, n, USER, f"n-{n:09d}", person, PROGRAMME, month, AMOUNT_FEN)
        await connection.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(clients)))
    return NAIVE_LINES / (time.perf_counter() - begun)


def _side(per_s: Sequence[float]) -> dict[str, Any]:
    return {"per_s": round(statistics.median(per_s)), "runs": [round(one) for one in per_s]}


def _report(
    given: dict[str, int], ours: Sequence[float], drained: Sequence[float], limit: Sequence[float], naive: float,
    exact: dict[str, int], watch: Watch,
) -> dict[str, Any]:  # fmt: skip
    per_s = statistics.median(ours)
    return {
        "name": "disbursements",
        "unit": "disbursements/s, answered and durable",
        "ours": _side(ours),
        "until_in_kafka": _side(drained),
        "limit": {**_side(limit), "what": "COPY of the same rows, same keys, one connection"},
        "naive": {"per_s": round(naive), "what": "a transaction for each line, no gRPC, same number of clients"},
        "ours_to_limit": round(per_s / statistics.median(limit), 3),
        "ours_to_naive": round(per_s / naive, 1),
        "target_per_s": TARGET_PER_S,
        "passed": per_s >= TARGET_PER_S,
        "errors": 0,  # a call that fails ends the measurement
        "exact": exact,
        "cpu_s": watch.cpu_s,
        "memory_mb": watch.memory_mb,
        "conditions": conditions(**given),
    }
