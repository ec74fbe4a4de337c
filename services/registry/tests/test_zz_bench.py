import cProfile
import csv
import os
import pstats
import time

import pytest

from tuoqi.cli.county.generate import generate_county


@pytest.mark.timeout(600)
async def test_bench(office, tmp_path):
    t = time.perf_counter()
    generate_county(tmp_path, persons=int(os.environ.get("N", "25000")))
    print("generate", time.perf_counter() - t)
    prof = cProfile.Profile() if os.environ.get("PROF") else None
    total = 0
    for kind in ("regions", "facilities", "persons", "statuses", "deaths", "moves", "persons", "statuses"):
        with open(tmp_path / f"{kind}.csv", encoding="utf-8-sig", newline="") as f:
            rows = list(csv.reader(f))
        t = time.perf_counter()
        if prof:
            prof.enable()
        o = await office.load_table(kind, rows[0], rows[1:])
        if prof:
            prof.disable()
        d = time.perf_counter() - t
        total += d
        print(
            f"{kind}: {len(rows) - 1} rows {d:.2f}s changed {o.changed} unchanged {o.unchanged} events {o.events} problems {len(o.problems)}",
            o.problems[:3],
        )
    print("total", total)
    if prof:
        pstats.Stats(prof).sort_stats("cumtime").print_stats(
            "registry|outbox|copy|fetch|execute|epoll|commit|parse_rows", 60
        )
