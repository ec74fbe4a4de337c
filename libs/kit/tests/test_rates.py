"""How often one user may do something."""

from __future__ import annotations

from tuoqi.kit.rates import USERS_MAX, RateLimit


def test_a_burst_is_allowed_and_then_only_what_has_trickled_in_since() -> None:
    now = [0.0]
    limit = RateLimit(per_minute=60, burst=3, seconds=lambda: now[0])
    assert [limit.take("li") for _ in range(3)] == [0.0] * 3
    assert limit.take("li") == 1.0
    assert limit.take("feng") == 0.0
    now[0] = 0.5
    assert limit.take("li") == 0.5
    now[0] = 1.0
    assert limit.take("li") == 0.0
    now[0] = 1_000.0
    assert [limit.take("li") > 0 for _ in range(4)] == [False, False, False, True]


def test_the_users_remembered_are_bounded() -> None:
    limit = RateLimit(per_minute=60, burst=1, seconds=lambda: 0.0)
    for number in range(USERS_MAX + 1):
        limit.take(f"user {number}")
    assert limit.take("user 1") > 0
    assert limit.take("user 0") == 0.0
