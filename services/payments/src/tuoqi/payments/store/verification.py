"""Samples of paid lines: what they are drawn from, what was drawn, what was found. A frozen sample never changes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

from tuoqi.kit.database import Tx
from tuoqi.payments.domain.verification import Stratum
from tuoqi.payments.store.certification import REGION

_DRAW_LOCK = 7_401_009
"""Any number that no other advisory lock of this database uses."""
TOWNSHIP_DIGITS = 9
PAID_OUT = ("INSTRUCTED", "SETTLING", "CLOSED")
"""Cycles whose money has gone out; their lines never change any more."""

# Money that waits, was withdrawn or set against a debt by the day of the draw was not paid: it is kept apart, so that the
# same population can be made again later, whatever has been sent by then.
_EXCLUDE = """
INSERT INTO verification_excluded (sample_id, line_id)
SELECT :sample_id, l.line_id FROM payment_lines l
WHERE l.cycle_id = ANY(CAST(:cycle_ids AS text[])) AND l.amount_fen > 0 AND NOT EXISTS (
    SELECT FROM outgoing o WHERE o.person_id = l.person_id AND o.cycle_id = l.cycle_id AND o.programme = l.programme
      AND o.benefit_month = l.benefit_month AND o.state = 'SENT' AND o.amount_fen > 0)
"""
_POPULATION = f"""
WITH population AS (
    SELECT l.line_id, l.cycle_id, l.person_id, l.programme, l.benefit_month, l.line_type, l.amount_fen,
           {REGION} AS region, p.birth_date
    FROM payment_lines l
    LEFT JOIN LATERAL (
        SELECT * FROM person_facts f WHERE f.person_id = l.person_id AND f.known_at <= :facts_at
        ORDER BY f.version DESC LIMIT 1
    ) p ON true
    WHERE l.cycle_id = ANY(CAST(:cycle_ids AS text[])) AND l.amount_fen > 0
      AND (cardinality(CAST(:programmes AS text[])) = 0 OR l.programme = ANY(CAST(:programmes AS text[])))
      AND (cardinality(CAST(:line_types AS text[])) = 0 OR l.line_type = ANY(CAST(:line_types AS text[])))
      AND {REGION} LIKE :region
      AND NOT EXISTS (SELECT FROM verification_excluded e WHERE e.sample_id = :sample_id AND e.line_id = l.line_id)
)
"""
_STRATA = f"""
{_POPULATION}
SELECT programme, left(region, {TOWNSHIP_DIGITS}) AS township, count(*) AS lines, CAST(sum(amount_fen) AS bigint) AS fen
FROM population GROUP BY 1, 2 ORDER BY 1, 2
"""
_LINES = f"{_POPULATION} SELECT * FROM population"

# Risks as they were when the money went out: the account is compared with that of the same person's and programme's
# instruction before. What is asked here never changes, so that the draw can be repeated.
_RISKS = f"""
{_POPULATION}, flagged AS (
    SELECT p.*, c.seq,
           coalesce(p.birth_date <= CAST(:born_by AS date), false) AS very_old,
           p.line_type <> 'PRICE' AND NOT EXISTS (
               SELECT FROM payment_lines o JOIN cycles e USING (cycle_id)
               WHERE o.person_id = p.person_id AND NOT o.cancelled AND o.programme = p.programme
                 AND e.seq < c.seq) AS first_payment,
           p.line_type IN ('BACKPAY', 'DIFFERENCE') AND p.amount_fen > :large_fen AS large_backpay
    FROM population p JOIN cycles c USING (cycle_id)
), accounts AS (
    SELECT t.person_id, t.programme, t.cycle_id, t.benefit_month, i.account_key, c.seq
    FROM instruction_items t JOIN instructions i USING (instruction_id) JOIN cycles c ON c.cycle_id = i.cycle_id
    WHERE t.person_id IN (SELECT person_id FROM population) AND i.reissue_of = ''
)
SELECT f.*, EXISTS (
    SELECT FROM accounts a JOIN LATERAL (
        SELECT b.account_key FROM accounts b
        WHERE b.person_id = a.person_id AND b.programme = a.programme AND b.seq < a.seq ORDER BY b.seq DESC LIMIT 1
    ) before ON before.account_key <> a.account_key
    WHERE a.person_id = f.person_id AND a.programme = f.programme AND a.cycle_id = f.cycle_id
      AND a.benefit_month = f.benefit_month) AS account_changed
FROM flagged f
"""
_ITEM_COLUMNS = (
    "sample_id", "position", "line_id", "cycle_id", "person_id", "programme", "benefit_month", "line_type",
    "amount_fen", "region", "part", "risks",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever drew a sample asked for; kept with it."""

    programmes: tuple[str, ...]
    line_types: tuple[str, ...]
    region: str
    confidence_percent: int
    margin_permille: int
    expected_permille: int
    risk_items: int
    points: tuple[tuple[str, int], ...] = ()
    """Risk → its lots, as the county's rules were."""
    very_old_age: int = 0
    large_backpay_fen: int = 0


@dataclass(frozen=True, slots=True)
class Sample:
    """A frozen sample; `checked` counts its lines with a finding."""

    sample_id: str
    key: str
    wishes: Wishes
    cycle_ids: tuple[str, ...]
    cycles: tuple[str, ...]
    """The cycles' names."""
    facts_at: datetime
    population_lines: int
    population_fen: int
    random_items: int
    risk_items: int
    seed: str
    content_hash: str
    rule_version: str
    drawn_by: str
    drawn_at: datetime
    checked: int = 0


@dataclass(frozen=True, slots=True)
class Population:
    """Which lines a sample is drawn from."""

    sample_id: str
    cycle_ids: tuple[str, ...]
    facts_at: datetime
    wishes: Wishes

    @property
    def bounds(self) -> dict[str, Any]:
        """The parameters of its statements."""
        return {
            "sample_id": self.sample_id,
            "cycle_ids": list(self.cycle_ids),
            "facts_at": self.facts_at,
            "programmes": list(self.wishes.programmes),
            "line_types": list(self.wishes.line_types),
            "region": f"{self.wishes.region}%",
        }


async def lock_draws(tx: Tx) -> None:
    """Wait until nobody else draws; held to the end of the transaction."""
    await tx.fetch("SELECT pg_advisory_xact_lock(CAST(:lock AS bigint))", lock=_DRAW_LOCK)


async def exclude_unpaid(tx: Tx, population: Population) -> None:
    """Keep apart the lines whose money has not gone out."""
    await tx.execute(_EXCLUDE, sample_id=population.sample_id, cycle_ids=list(population.cycle_ids))


async def read_strata(tx: Tx, population: Population) -> list[Stratum]:
    """The population by programme and township; nothing drawn yet."""
    rows = await tx.fetch(_STRATA, **population.bounds)
    return [Stratum(row.programme, row.township, row.lines, int(row.fen), 0) for row in rows]


def stream_lines(tx: Tx, population: Population) -> AsyncIterator[Sequence[Any]]:
    """Every line of the population, in runs."""
    return tx.stream(_LINES, **population.bounds)


def stream_risks(tx: Tx, population: Population, *, born_by: date) -> AsyncIterator[Sequence[Any]]:
    """Every line of the population with its risks, in runs."""
    large_fen = population.wishes.large_backpay_fen
    return tx.stream(_RISKS, **population.bounds, born_by=born_by, large_fen=large_fen)


async def write_sample(tx: Tx, sample: Sample, strata: Sequence[Stratum], items: Sequence[tuple[Any, ...]]) -> None:
    """Freeze a sample; `items` in the order of `_ITEM_COLUMNS` without the sample."""
    names = (
        "sample_id", "key", "facts_at", "population_lines", "population_fen", "random_items", "risk_items", "seed",
        "content_hash", "rule_version", "drawn_by", "drawn_at",
    )  # fmt: skip
    columns = (*names, "wishes", "cycle_ids")
    await tx.execute(
        f"INSERT INTO verification_samples ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})",
        **{name: getattr(sample, name) for name in names},
        wishes=json.dumps(asdict(sample.wishes)),
        cycle_ids=list(sample.cycle_ids),
    )
    await tx.copy(
        "verification_strata",
        ("sample_id", "programme", "township", "population_lines", "population_fen", "drawn"),
        [(sample.sample_id, s.programme, s.township, s.population_lines, s.population_fen, s.drawn) for s in strata],
    )
    await tx.copy("verification_items", _ITEM_COLUMNS, [(sample.sample_id, *item) for item in items])


_SAMPLES = """
SELECT s.*, ARRAY(SELECT c.name FROM cycles c WHERE c.cycle_id = ANY(s.cycle_ids) ORDER BY c.seq) AS cycles,
       (SELECT count(DISTINCT position) FROM verification_findings f WHERE f.sample_id = s.sample_id) AS checked
FROM verification_samples s
"""


async def find_sample(tx: Tx, named: str) -> Sample | None:
    """By id; or by a cycle's id, name or month, which means the latest sample drawn from it."""
    rows = await tx.fetch(
        f"{_SAMPLES} WHERE s.sample_id = :named OR EXISTS (SELECT FROM cycles c WHERE c.cycle_id = ANY(s.cycle_ids)"
        " AND (c.cycle_id = :named OR c.name = :named OR c.month = :named))"
        " ORDER BY s.sample_id = :named DESC, s.drawn_at DESC, s.sample_id DESC LIMIT 1",
        named=named,
    )
    return _sample(rows[0]) if rows else None


async def sample_of_key(tx: Tx, key: str) -> Sample | None:
    """The sample that was drawn under a key."""
    rows = await tx.fetch(f"{_SAMPLES} WHERE s.key = :key", key=key)
    return _sample(rows[0]) if rows else None


async def page_of_samples(tx: Tx, before: tuple[datetime, str] | None, size: int) -> list[Sample]:
    """Samples, newest first."""
    rows = await tx.fetch(
        f"{_SAMPLES} WHERE CAST(:at AS timestamptz) IS NULL"
        " OR (s.drawn_at, s.sample_id) < (CAST(:at AS timestamptz), :id)"
        " ORDER BY s.drawn_at DESC, s.sample_id DESC LIMIT CAST(:size AS int)",
        at=before[0] if before else None,
        id=before[1] if before else "",
        size=size,
    )
    return [_sample(row) for row in rows]


def _sample(row: Any) -> Sample:
    wishes = json.loads(row.wishes)
    return Sample(
        sample_id=row.sample_id,
        key=row.key,
        wishes=Wishes(
            **{
                **wishes,
                "programmes": tuple(wishes["programmes"]),
                "line_types": tuple(wishes["line_types"]),
                "points": tuple((risk, points) for risk, points in wishes["points"]),
            }
        ),
        cycle_ids=tuple(row.cycle_ids),
        cycles=tuple(row.cycles),
        facts_at=row.facts_at,
        population_lines=row.population_lines,
        population_fen=row.population_fen,
        random_items=row.random_items,
        risk_items=row.risk_items,
        seed=row.seed,
        content_hash=row.content_hash,
        rule_version=row.rule_version,
        drawn_by=row.drawn_by,
        drawn_at=row.drawn_at,
        checked=row.checked,
    )


async def read_sample_strata(tx: Tx, sample_id: str) -> list[Stratum]:
    """The strata of a frozen sample."""
    rows = await tx.fetch(
        "SELECT programme, township, population_lines, population_fen, drawn FROM verification_strata"
        " WHERE sample_id = :sample_id ORDER BY programme, township",
        sample_id=sample_id,
    )
    return [Stratum(**row._mapping) for row in rows]  # noqa: SLF001 -- SQLAlchemy's public name for it


async def cycles_between(tx: Tx, first_month: str, last_month: str) -> list[str]:
    """The cycles of these months whose money has gone out, in their order."""
    rows = await tx.fetch(
        "SELECT cycle_id FROM cycles WHERE month BETWEEN :first AND :last AND state = ANY(CAST(:states AS text[]))"
        " ORDER BY seq",
        first=first_month,
        last=last_month,
        states=list(PAID_OUT),
    )
    return [row.cycle_id for row in rows]


async def facts_moment(tx: Tx, cycle_ids: Sequence[str]) -> datetime:
    """The latest cut-off of these cycles: the facts known by then are all there."""
    (row,) = await tx.fetch(
        "SELECT max(cut_off) AS at FROM cycles WHERE cycle_id = ANY(CAST(:ids AS text[]))", ids=list(cycle_ids)
    )
    moment: datetime = row.at
    return moment
