"""How many are drawn, from where, and what the drawn say of the rest: pure."""

from __future__ import annotations

import math
import random
from datetime import date
from fractions import Fraction

import pytest

from tuoqi.payments.domain.sampling import Draw, allocate, bounds, last_birth_date, lot, sample_size
from tuoqi.payments.domain.verification import Checked, Stratum, estimate, report

SEED = bytes(range(32))


@pytest.mark.parametrize(
    ("population", "confidence", "margin", "expected", "wanted"),
    [
        (10_000, 95, 50, 500, 370),
        (1_000_000, 95, 50, 500, 384),
        (500, 95, 50, 500, 218),
        (100, 95, 50, 500, 80),
        (10_000, 99, 50, 500, 623),
        (10_000, 90, 50, 500, 264),
        (10_000, 95, 30, 50, 199),
        (5, 95, 50, 500, 5),
        (1, 99, 10, 10, 1),
        (0, 95, 50, 500, 0),
    ],
)
def test_sizes_agree_with_the_published_tables(
    population: int, confidence: int, margin: int, expected: int, wanted: int
) -> None:
    assert sample_size(population, confidence, margin, expected) == wanted


def test_a_size_never_exceeds_the_population_and_rises_with_it() -> None:
    sizes = [sample_size(population, 95, 30, 100) for population in range(0, 5_000, 7)]
    assert sizes == sorted(sizes)
    assert all(size <= population for size, population in zip(sizes, range(0, 5_000, 7), strict=True))


@pytest.mark.parametrize("seed", range(200))
def test_shares_sum_to_the_whole_and_stay_within_one_of_their_proportion(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret, it makes cases
    sizes = {
        n: chance.choice([0, 1, 2, 3, 10, 1_000, chance.randrange(1, 500)]) for n in range(chance.randrange(1, 40))
    }
    everything = sum(sizes.values())
    total = chance.randrange(everything + 1)
    drawn = allocate(sizes, total)
    assert sum(drawn.values()) == total
    for key, size in sizes.items():
        assert 0 <= drawn[key] <= size
        assert not everything or abs(Fraction(total * size, everything) - drawn[key]) < 1


def test_more_than_there_is_cannot_be_shared_out() -> None:
    with pytest.raises(ValueError, match="cannot be drawn"):
        allocate({"a": 2}, 3)


@pytest.mark.parametrize("seed", range(20))
def test_a_draw_depends_on_the_seed_alone_and_not_on_the_order_of_the_lines(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  no secret, it makes cases
    lines = [f"line-{n}" for n in range(300)]
    first, second, other = Draw[str](25), Draw[str](25), Draw[str](25)
    for line in lines:
        first.offer(lot(SEED, line), line, line)
        other.offer(lot(SEED[::-1], line), line, line)
    chance.shuffle(lines)
    for line in lines:
        second.offer(lot(SEED, line), line, line)
    assert first.drawn() == second.drawn()
    assert set(first.drawn()) != set(other.drawn())
    assert first.drawn() == sorted(lines, key=lambda line: lot(SEED, line))[:25]


def test_every_line_has_the_same_chance_and_points_of_risk_raise_it() -> None:
    hits = dict.fromkeys(range(20), 0)
    for trial in range(2_000):
        key = trial.to_bytes(32, "big")
        draw = Draw[int](5)
        for line in hits:
            draw.offer(lot(key, str(line), 4 if line == 0 else 1), str(line), line)
        for line in draw.drawn():
            hits[line] += 1
    plain = [hits[line] for line in range(1, 20)]
    assert max(plain) - min(plain) < 150
    assert hits[0] > 1.8 * max(plain)


@pytest.mark.parametrize(
    ("drawn", "wrong", "confidence", "low", "high"),
    [
        (10, 1, 95, 0.002529, 0.445016),
        (300, 0, 95, 0.0, 0.012221),
        (100, 5, 95, 0.016432, 0.112835),
        (50, 50, 99, 0.899450, 1.0),
        (20, 3, 90, 0.042169, 0.343664),
    ],
)
def test_bounds_of_a_huge_population_are_those_of_clopper_and_pearson(
    drawn: int, wrong: int, confidence: int, low: float, high: float
) -> None:
    population = 10**8
    least, most = bounds(population, drawn, wrong, confidence)
    assert least / population == pytest.approx(low, abs=2e-5)
    assert most / population == pytest.approx(high, abs=2e-5)


@pytest.mark.parametrize("population", [1, 2, 9, 30, 61])
@pytest.mark.parametrize("confidence", [90, 95, 99])
def test_bounds_cover_the_truth_at_least_as_often_as_they_promise(population: int, confidence: int) -> None:
    """Counted out exactly for every number of wrong lines and several sizes of sample."""
    for drawn in {1, population // 3, population // 2, population} - {0}:
        of_wrong = {k: bounds(population, drawn, k, confidence) for k in range(drawn + 1)}
        for truth in range(population + 1):
            ways = sum(
                math.comb(truth, k) * math.comb(population - truth, drawn - k)
                for k in range(drawn + 1)
                if of_wrong[k][0] <= truth <= of_wrong[k][1]
            )
            assert Fraction(ways, math.comb(population, drawn)) >= Fraction(confidence, 100)


def test_a_full_count_leaves_nothing_open() -> None:
    assert bounds(100, 100, 3, 95) == (3, 3)
    assert bounds(0, 0, 0, 95) == (0, 0)
    assert bounds(40, 0, 0, 95) == (0, 40)


def test_amounts_are_projected_by_ratio_and_bounded_by_the_bounds_of_the_lines() -> None:
    stratum = Stratum("p", "990101101", 1_000, 5_000_000, 100)
    lines = [Checked("p", "990101101", 5_000, "CORRECT", 0)] * 95
    lines += [Checked("p", "990101101", 5_000, "DEAD", 0)] * 2
    lines += [Checked("p", "990101101", 5_000, "AMOUNT_WRONG", 3_000)]
    lines += [Checked("p", "990101101", 5_000, "NOT_FOUND", 0)] * 2
    found = estimate(stratum, lines, 95)
    assert (found.wrong, found.wrong_fen) == (5, 4 * 5_000 + 2_000)
    assert found.projected_fen == 5_000_000 * 22_000 // 500_000
    low, high = bounds(1_000, 100, 5, 95)
    assert (found.low_ppm, found.high_ppm) == (low * 1_000, high * 1_000)
    assert found.low_fen == found.projected_fen * low * 100 // 5_000
    assert found.low_fen < found.projected_fen < found.high_fen < stratum.population_fen


def test_no_wrong_line_still_leaves_an_upper_bound_and_no_check_says_nothing() -> None:
    stratum = Stratum("p", "990101101", 1_000, 5_000_000, 100)
    clean = estimate(stratum, [Checked("p", "990101101", 5_000, "CORRECT", 0)] * 100, 95)
    assert (clean.rate_ppm, clean.projected_fen, clean.low_fen) == (0, 0, 0)
    assert 0 < clean.high_fen < 200_000
    blank = report([stratum], [Checked("p", "990101101", 5_000, "", 0)] * 100, 95)
    assert not blank.complete
    assert "还不能说明" in blank.says[0]
    assert len(blank.cannot_say) >= 4


def test_the_latest_birth_date_of_an_age_is_right_on_the_leap_day_too() -> None:
    assert last_birth_date(date(2024, 2, 29), 90).isoformat() == "1934-02-28"
    assert last_birth_date(date(2026, 11, 20), 80).isoformat() == "1946-11-20"
