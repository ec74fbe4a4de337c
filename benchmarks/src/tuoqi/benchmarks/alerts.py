"""`tuoqi bench alerts`: how fast an alarm stands, how fast it ends, and thousands of steps due in one second.

Three parts. An upload of a visit that was missed, until the alert about it is closed. The next step of thousands of
alerts, due at the same moment, until every one is taken exactly once. And alarms that come while a flood of visits is
loaded, from the call until the alert stands. The first and the third run on a whole platform, the second on a database.
"""

from __future__ import annotations

import asyncio
import os
import statistics
from collections.abc import Callable, Sequence
from typing import Any, Final

from tuoqi.benchmarks.alerts_county import START
from tuoqi.benchmarks.alerts_live import EVERY_S, QUIET_SHOTS, Flood, measure
from tuoqi.benchmarks.alerts_timers import bench_timers
from tuoqi.benchmarks.running import Watch, conditions, platform_of
from tuoqi.cli.local.plan import SERVICES

CLOSED_S_MAX: Final = 1.0
RAISED_S_MAX: Final = 2.0


def bench_alerts(uploads: int, timers: int, flood: int, runs: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole measurement; one JSON object with a part for each scenario."""
    load = os.getloadavg()
    timed = bench_timers(timers, runs, say)
    with platform_of(SERVICES, clock_start=START) as running, Watch(running) as watch:
        calls, closed, quiet, floods = asyncio.run(measure(running, uploads, flood, runs, say))
    return {
        "name": "alerts",
        "upload_to_closed": _closing(calls, closed),
        "timers": timed,
        "flood": _flood(flood, [*quiet.report, *quiet.finding], floods),
        "memory_mb_max": max([timed["memory_mb_max"], *watch.memory_mb.values()]),
        "memory_mb": watch.memory_mb,
        "cpu_s": watch.cpu_s,
        "sizes": {"uploads": uploads, "timers": timers, "flood": flood, "runs": runs, "quiet_alarms": 2 * QUIET_SHOTS},
        "conditions": conditions(
            services=list(SERVICES),
            clock="settable, moved before the uploads only",
            load_before=[round(one, 1) for one in load],
            load_after=[round(one, 1) for one in os.getloadavg()],
            upload_to_closed="one file of one row after another; the limit is the import call alone, its row committed",
            timers="no relay and no broker; the limit is INSERT … SELECT of the same rows with their keys",
            flood=f"an alarm of each way every {EVERY_S:.0f} s until all is told; the limit is alarms without a flood",
            naive="every alert in a transaction of its own, by the same handler; seconds are for as many alerts",
        ),
    }


def _closing(calls: Sequence[float], closed: Sequence[float]) -> dict[str, Any]:
    ours, limit = _delays(closed), _delays(calls)
    return {
        "ours": ours,
        "limit": limit,
        "naive": None,
        "ours_to_limit": round(limit["p50_s"] / ours["p50_s"], 3),
        "ours_to_naive": None,
        "target_p99_s": CLOSED_S_MAX,
        "met": ours["p99_s"] <= CLOSED_S_MAX,
    }


def _flood(records: int, quiet: Sequence[float], floods: Sequence[Flood]) -> dict[str, Any]:
    reports = [one for flood in floods for one in flood.delays.report]
    findings = [one for flood in floods for one in flood.delays.finding]
    ours, limit = _delays([*reports, *findings]), _delays(quiet)
    return {
        "ours": {
            **ours,
            "per_s": round(records / statistics.median(flood.seconds for flood in floods)),
            "seconds": round(statistics.median(flood.seconds for flood in floods), 3),
            "runs": [round(flood.seconds, 3) for flood in floods],
        },
        "report": _delays(reports),
        "finding": _delays(findings),
        "finding_call": _delays([one for flood in floods for one in flood.delays.finding_call]),
        "limit": limit,
        "naive": None,
        "ours_to_limit": round(limit["p50_s"] / ours["p50_s"], 3) if ours["count"] else None,
        "ours_to_naive": None,
        "all_told_s": [round(flood.settled_s, 3) for flood in floods],
        "target_worst_s": RAISED_S_MAX,
        "met": bool(ours["count"]) and ours["worst_s"] <= RAISED_S_MAX,
    }


def _delays(seconds: Sequence[float]) -> dict[str, Any]:
    """Median, the 99th of a hundred, and the worst; nothing but the count where there are none."""
    if not seconds:
        return {"count": 0}
    ordered = sorted(seconds)
    # Among n values the one that 99 of 100 do not exceed; with few values it is the worst.
    place = -(-len(ordered) * 99 // 100) - 1
    return {
        "count": len(ordered),
        "p50_s": round(statistics.median(ordered), 4),
        "p99_s": round(ordered[place], 4),
        "worst_s": round(ordered[-1], 4),
    }
