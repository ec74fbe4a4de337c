"""What must hold after any failure.

Each oracle asks the primary databases and Kafka, and answers with its findings: sentences of what is wrong; none means
that it holds.
"""

from __future__ import annotations

import importlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any, Protocol

from county_platform import REPOSITORY, CountyPlatform

from tuoqi.cli.platform import kafka_address
from tuoqi.contracts.topics import topics
from tuoqi.kit.handlers import Subscription
from tuoqi.kit.kafka_tools import groups_of, lag

SHOWN = 3
"""How many examples a finding names."""
FENCE = "tuoqi.registry.v1.RegistryFenced"
TECHNICAL = frozenset(
    {"outbox", "outbox_default", "unsent", "inbox", "dead_letters", "parked", "consumer_stops", "imports", "audit"}
    | {"clock", "assignment_clock", "assignment_news", "assignment_units"}
)
"""Tables about messages and calls, not about the county; Alembic's `*_version` beside them."""
POISON = "poison-"
"""How the ids begin that tests put into Kafka by themselves; no outbox has them."""
Dump = dict[tuple[str, str], list[str]]
"""(service, table) → its rows as text, ordered."""


class Asks(Protocol):
    """Whoever answers SQL for a service."""

    async def sql(self, service: str, query: str) -> list[tuple[Any, ...]]:
        """The rows."""
        ...


@cache
def subscriptions() -> tuple[Subscription, ...]:
    """Every subscription of every service of the repository."""
    found = []
    for path in sorted(REPOSITORY.glob("services/*/src/tuoqi/*/consumer.py")):
        module = importlib.import_module(f"tuoqi.{path.parent.name}.consumer")
        found += [value for value in vars(module).values() if isinstance(value, Subscription)]
    return tuple(found)


def service_of(subscription: Subscription) -> str:
    """The service that a subscription belongs to."""
    return subscription.consumer.split(".")[1]


async def every_event_arrived(platform: CountyPlatform) -> list[str]:
    """O1: outbox ids = ids in the topics = for each subscription inbox + dead letters + parked, each id in one of them."""
    findings: list[str] = []
    in_topics: defaultdict[str, set[str]] = defaultdict(set)
    by_type: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for record in await platform.records():
        headers = dict(record.headers)
        ce_id = (headers.get("ce_id") or b"").decode(errors="replace")
        if ce_id and not ce_id.startswith(POISON):
            in_topics[record.topic].add(ce_id)
            by_type[record.topic, (headers.get("ce_type") or b"").decode()].add(ce_id)
    for service in platform.services:
        for name in (one.name for one in topics().values() if one.owner == service):
            rows = await platform.sql(service, f"SELECT ce_id FROM outbox WHERE topic = '{name}'")
            findings += _compare(f"O1 {name}", "outbox", {row[0] for row in rows}, "topic", in_topics[name])
        if unsent := (await platform.sql(service, "SELECT count(*) FROM unsent"))[0][0]:
            findings.append(f"O1 {service}: {unsent} events are unsent")
    for subscription in subscriptions():
        if service_of(subscription) in platform.services:
            findings += await _arrived(platform, subscription, by_type)
    return findings


async def _arrived(
    platform: CountyPlatform,
    subscription: Subscription,
    by_type: Mapping[tuple[str, str], set[str]],
) -> list[str]:
    kinds = [kind.DESCRIPTOR.full_name for kind in subscription.types]
    wanted = set().union(*(by_type.get((topic.name, kind), set()) for topic in subscription.topics for kind in kinds))
    places = {
        "inbox": "SELECT ce_id FROM inbox WHERE consumer = '{}'",
        "dead letters": "SELECT ce_id FROM dead_letters WHERE consumer = '{}' AND state <> 'applied' AND ce_id <> ''",
        "parked": "SELECT ce_id FROM parked WHERE consumer = '{}'",
    }
    held: Counter[str] = Counter()
    for query in places.values():
        rows = await platform.sql(service_of(subscription), query.format(subscription.consumer))
        held.update(row[0] for row in rows if not row[0].startswith(POISON))
    findings = _compare(f"O1 {subscription.consumer}", "topics", wanted, "inbox + dead letters + parked", set(held))
    if twice := [ce_id for ce_id, count in held.items() if count > 1]:
        findings.append(f"O1 {subscription.consumer}: in two places at once: {_some(twice)}")
    return findings


async def credited_once(asks: Asks, *, payees: Mapping[str, int] | None = None, month: str = "") -> list[str]:
    """O2: every entitlement and month credited exactly once, with the right amount.

    `payees` says how many people a month has by programme, as counted by whoever made the county.
    """
    findings = []
    twice = await asks.sql(
        "payments",
        "SELECT programme, person_id, benefit_month, count(*) FROM payment_lines"
        " WHERE line_type = 'REGULAR' AND NOT cancelled GROUP BY 1, 2, 3 HAVING count(*) > 1 ORDER BY 1, 2, 3",
    )
    if twice:
        findings.append(f"O2: REGULAR more than once: {_some(twice)}")
    wrong = await asks.sql(
        "payments",
        "SELECT * FROM (SELECT DISTINCT ON (l.programme, l.person_id, l.benefit_month) l.programme, l.person_id,"
        "   l.benefit_month, l.entitled_fen, sum(l.amount_fen) OVER (PARTITION BY l.programme, l.person_id,"
        "   l.benefit_month) AS settled"
        " FROM payment_lines l JOIN cycles c USING (cycle_id) WHERE NOT l.cancelled"
        " ORDER BY l.programme, l.person_id, l.benefit_month, c.seq DESC) x WHERE entitled_fen <> settled",
    )
    if wrong:
        findings.append(f"O2: settled is not entitled: {_some(wrong)}")
    double_paid = await asks.sql(
        "payments",
        "SELECT cycle_id, programme, account_key, count(*) FROM instructions"
        " WHERE state IN ('OPEN', 'SUCCESS') AND reissue_of = '' GROUP BY 1, 2, 3 HAVING count(*) > 1",
    )
    if double_paid:
        findings.append(f"O2: an account is instructed twice in a cycle: {_some(double_paid)}")
    beside = await asks.sql(
        "payments",
        "SELECT r.instruction_id FROM instructions r JOIN instructions o ON o.instruction_id = r.reissue_of"
        " WHERE r.state IN ('OPEN', 'SUCCESS') AND o.state IN ('OPEN', 'SUCCESS')"
        " AND NOT EXISTS (SELECT FROM overpayments)",
    )
    if beside:
        findings.append(f"O2: a re-issue goes out beside what it replaces: {_some(beside)}")
    if payees is not None:
        rows = await asks.sql(
            "payments",
            "SELECT programme, count(*) FROM payment_lines JOIN cycles USING (cycle_id)"
            f" WHERE line_type = 'REGULAR' AND NOT cancelled AND month = '{month}' AND benefit_month = '{month}'"
            " GROUP BY 1",
        )
        paid = {programme: people for programme, people in rows if programme in payees}
        if paid != dict(payees):
            findings.append(f"O2: people paid for {month}: {paid}, the county has {dict(payees)}")
    return findings


BALANCES = {
    "the ledger": ("sum(amount_fen) FROM ledger_entries", "0"),
    "unbalanced postings": (
        "count(*) FROM (SELECT FROM ledger_entries GROUP BY posting HAVING sum(amount_fen) <> 0) x",
        "0",
    ),
    "expense and lines": (
        "sum(amount_fen) FROM ledger_entries WHERE account = 'SUBSIDY_EXPENSE'",
        "sum(amount_fen) FROM payment_lines WHERE NOT cancelled",
    ),
    "paid out and credited": (
        "-sum(amount_fen) FROM ledger_entries WHERE account = 'SUBSIDY_FUND'",
        "sum(amount_fen) FROM instructions WHERE state = 'SUCCESS'",
    ),
    "in transit and open": (
        "-sum(amount_fen) FROM ledger_entries WHERE account = 'IN_TRANSIT'",
        "sum(amount_fen) FROM instructions WHERE state = 'OPEN'",
    ),
    "sent pieces and instructions": (
        "sum(amount_fen) FROM outgoing WHERE state = 'SENT'",
        "sum(amount_fen) FROM instructions WHERE state IN ('OPEN', 'SUCCESS')",
    ),
    "credits and their places": (
        "sum(amount_fen) FROM payment_lines WHERE NOT cancelled AND amount_fen > 0",
        """
        sum(amount_fen) FROM (
            SELECT amount_fen FROM outgoing WHERE state <> 'CANCELLED' UNION ALL
            SELECT amount_fen FROM cash_steps WHERE kind IN ('WITHDRAW', 'NET', 'REDUCE_CASE')
        ) placed
        """,
    ),
}
"""What is compared, in fen: an account's side and the tables' side."""


async def money_closes(asks: Asks) -> list[str]:
    """O3: the ledger sums to zero, and credits = entitlements = instructions = receipts + in flight."""
    findings = []
    for name, (one, other) in BALANCES.items():
        left = (await asks.sql("payments", f"SELECT coalesce(({_query(one)}), 0)"))[0][0]
        right = (await asks.sql("payments", f"SELECT coalesce(({_query(other)}), 0)"))[0][0]
        if left != right:
            findings.append(f"O3 {name}: {left} ≠ {right} fen")
    return findings


def _query(text: str) -> str:
    return f"SELECT {text}"


_MIDNIGHT_AFTER = "((o.deadline + 1)::timestamp AT TIME ZONE 'Asia/Shanghai')"
_SEEN_ON_ITS_LAST_DAY = """
SELECT o.person_id, o.deadline FROM overdues AS o
JOIN visit_records AS r ON r.person_id = o.person_id AND r.counts_on = o.deadline
WHERE r.result IN ('MET', 'INFORMANT_ONLY')
"""
_RAISED_LATE = f"""
SELECT a.alert_id, a.raised_at, o.deadline FROM alerts AS a,
LATERAL (SELECT min((cause->>0)::date) AS deadline FROM jsonb_array_elements(a.causes) AS cause) AS o
WHERE a.kind = 'visit_overdue' AND a.raised_at <> {_MIDNIGHT_AFTER}
"""
_IN_TIME = (
    ("raised at another moment than the midnight after its first deadline", "alerts", _RAISED_LATE),
    (
        "missed although a visit on its last day had arrived by then",
        "visits",
        f"{_SEEN_ON_ITS_LAST_DAY} AND r.arrived_at < {_MIDNIGHT_AFTER}",
    ),
    (
        "open or made up although a late record shows a visit on its last day",
        "visits",
        f"{_SEEN_ON_ITS_LAST_DAY} AND o.state IN ('OPEN', 'MADE_UP')",
    ),
)
"""What O4 says of time: (what is wrong, the service, the query of the wrong ones)."""


async def one_alert_each(asks: Asks) -> list[str]:
    """O4: each overdue visit is a cause of exactly one alert, in time, and no alert has a cause that nobody missed."""
    missed = {
        (person, str(day)) for person, day in await asks.sql("visits", "SELECT person_id, deadline FROM overdues")
    }
    causes = Counter(
        (person, day)
        for person, day in await asks.sql(
            "alerts", "SELECT person_id, cause->>0 FROM alerts, jsonb_array_elements(causes) AS cause"
            " WHERE kind = 'visit_overdue'",
        )
    )  # fmt: skip
    findings = _compare("O4", "overdues", missed, "causes of alerts", set(causes))
    if twice := [cause for cause, count in causes.items() if count > 1]:
        findings.append(f"O4: in two alerts: {_some(twice)}")
    for wrong, service, query in _IN_TIME:
        if rows := await asks.sql(service, query):
            findings.append(f"O4: {wrong}: {_some(rows)}")
    return findings


async def versions_unbroken(platform: CountyPlatform) -> list[str]:
    """O5: the versions of each aggregate are 1, 2, 3, … in the outbox, and come so in its topic.

    A visit's record and the plan are one aggregate in two topics. Fences belong to partitions, not to an aggregate.
    """
    findings: list[str] = []
    for service in platform.services:
        rows = await platform.sql(
            service,
            "SELECT CASE WHEN topic LIKE 'tuoqi.visits.%' THEN 'tuoqi.visits' ELSE topic END AS stream, key, seq,"
            f" aggregate_version FROM outbox WHERE ce_type <> '{FENCE}' ORDER BY seq",
        )
        streams: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for stream, key, _seq, version in rows:
            streams[stream, key].append(version)
        broken = [at for at, versions in streams.items() if versions != list(range(1, len(versions) + 1))]
        if broken:
            findings.append(f"O5 {service}: versions with gap or repeat: {_some(broken)}")
    first_seen: defaultdict[tuple[str, bytes], list[int]] = defaultdict(list)
    seen: set[bytes | None] = set()
    for record in await platform.records():
        headers = dict(record.headers)
        ce_id, version = headers.get("ce_id"), headers.get("ce_aggregateversion")
        fresh = ce_id and ce_id not in seen and not ce_id.startswith(POISON.encode())
        if fresh and version and record.key and headers.get("ce_type") != FENCE.encode():
            seen.add(ce_id)
            first_seen[record.topic, record.key].append(int(version))
    if unordered := [at for at, versions in first_seen.items() if versions != sorted(versions)]:
        findings.append(f"O5: out of order in Kafka: {_some(unordered)}")
    return findings


async def nothing_stuck(platform: CountyPlatform) -> list[str]:
    """O9: no lag, nothing parked, no consumer stopped, nobody waits for a lock."""
    findings = []
    address = kafka_address(platform.home)
    for group, by_topic in lag(address, groups_of(address, "tuoqi.")).items():
        if waiting := {name: count for name, count in by_topic.items() if count}:
            findings.append(f"O9 {group} lags: {waiting}")
    for service in platform.services:
        held = await platform.sql(
            service,
            "SELECT 'parked', consumer, key FROM parked UNION ALL SELECT 'stopped', consumer, reason FROM consumer_stops",
        )
        if held:
            findings.append(f"O9 {service}: {_some(held)}")
    waiting_locks = await platform.sql(
        platform.services[0],
        "SELECT a.datname, left(a.query, 80) FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE NOT l.granted"
        " UNION ALL SELECT datname, left(query, 80) FROM pg_stat_activity"
        " WHERE state LIKE 'idle in transaction%' AND now() - state_change > interval '10 s'",
    )
    if waiting_locks:
        findings.append(f"O9: stuck in the database: {_some(waiting_locks)}")
    return findings


async def no_dead_letters(platform: CountyPlatform) -> list[str]:
    """Nothing lies in the dead letters; a test that poisons dismisses its own."""
    findings = []
    for service in platform.services:
        rows = await platform.sql(
            service, "SELECT consumer, ce_type, reason, detail FROM dead_letters WHERE state = 'open'"
        )
        if rows:
            findings.append(f"{service}: {len(rows)} dead letters: {_some(rows)}")
    return findings


async def all_oracles(
    platform: CountyPlatform, *, payees: Mapping[str, int] | None = None, month: str = ""
) -> list[str]:
    """Every oracle that can be asked of a platform that has settled."""
    findings = [
        *await every_event_arrived(platform),
        *await versions_unbroken(platform),
        *await nothing_stuck(platform),
        *await no_dead_letters(platform),
    ]
    if {"visits", "alerts"} <= set(platform.services):
        findings += await one_alert_each(platform)
    if "payments" in platform.services:
        findings += await credited_once(platform, payees=payees, month=month)
        findings += await money_closes(platform)
    return findings


async def dump(platform: CountyPlatform, *, sealed: bool = True, without: Collection[str] = ()) -> Dump:
    """O6: all tables about the county. `sealed=False` leaves out bytes, which are sealed anew each time."""
    result: Dump = {}
    for service in platform.services:
        columns = await platform.sql(
            service,
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY table_name, ordinal_position",
        )
        by_table: defaultdict[str, list[str]] = defaultdict(list)
        for table, name, kind in columns:
            if (sealed or kind != "bytea") and f"{table}.{name}" not in without:
                by_table[table].append(name)
        for table, names in by_table.items():
            if _is_technical(table) or f"{table}.*" in without:
                continue
            text = ", ".join(f'"{name}"' for name in names)
            rows = await platform.sql(service, f"SELECT ROW({text})::text AS r FROM {table} ORDER BY r")
            result[service, table] = [row[0] for row in rows]
    return result


COMPARABLE_WITHOUT = (
    "fences.*",
    "ledger_entries.posting",
    "funding_entries.posting",
    "voucher_entries.posting",
    "bank_answers.answer",
    "disbursements_followed.standing",
    "person_changes.xid",
    "notices.*",
    "deliveries.*",
)
"""What two platforms that lived the same month have differently: how often a fence was asked for, numbers drawn by the
database, its transactions, and what goes by the system's clock."""


async def comparable(platform: CountyPlatform) -> Dump:
    """The tables as another platform with the same keys, the same files and the same clock must have them."""
    return await dump(platform, sealed=False, without=COMPARABLE_WITHOUT)


def _is_technical(table: str) -> bool:
    return table in TECHNICAL or table.startswith("outbox_") or table.endswith("_version")


def differences(one: Dump, other: Dump) -> list[str]:
    """Where two dumps differ, table by table."""
    findings = []
    for place in sorted(set(one) | set(other)):
        left, right = Counter(one.get(place, [])), Counter(other.get(place, []))
        if left != right:
            gone, new = list((left - right).elements()), list((right - left).elements())
            findings.append(f"{'.'.join(place)}: {len(gone)} gone {_some(gone)}, {len(new)} new {_some(new)}")
    return findings


def _compare(name: str, one_name: str, one: set[Any], other_name: str, other: set[Any]) -> list[str]:
    findings = []
    if lost := one - other:
        findings.append(f"{name}: {len(lost)} in {one_name}, not in {other_name}: {_some(lost)}")
    if more := other - one:
        findings.append(f"{name}: {len(more)} in {other_name}, not in {one_name}: {_some(more)}")
    return findings


def _some(items: Iterable[Any]) -> str:
    found = sorted(map(str, items))
    return "; ".join(one[:400] for one in found[:SHOWN]) + (f" … ({len(found)})" if len(found) > SHOWN else "")
