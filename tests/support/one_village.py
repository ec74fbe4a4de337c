"""One village of four old people who live alone, a grown-up with one of them, and somebody who looks after all."""

from __future__ import annotations

from pathlib import Path

from county_tables import write_cells

from tuoqi.cli.county.identity import make_id_number

VILLAGE, TOWN = "990101101201", "990101101000"
REGIONS = (
    ("990000000000", "岚霞省", "", "province"),
    ("990100000000", "青屏市", "990000000000", "city"),
    ("990101000000", "禾屏县", "990100000000", "county"),
    (TOWN, "雾坪镇", "990101000000", "town"),
    (VILLAGE, "下栎坪村", TOWN, "village"),
)
HOUSES = {"甲": "3组10号", "乙": "3组2号", "丙": "十组1号", "丁": "4组1号"}
CARER = make_id_number("990101", "19700303", 201)


def county(files: Path) -> None:
    """Four of the very old who live alone in one village, one of them with a grown-up, and a grid worker."""
    write_cells(
        files / "regions.csv",
        ("[code]", "[name]", "[parent]", "[kind]", "[valid_from]"),
        [(*row, "2000-01-01") for row in REGIONS],
    )
    head = ("[name]", "[id_number]", "[sex]", "[birth_date]", "[hukou_region]", "[address]", "[household_no]")
    people = [
        (name, make_id_number("990101", "19400101", 2 * number + 1), "男", "1940-01-01", VILLAGE, where, f"H{number}")
        for number, (name, where) in enumerate(HOUSES.items())
    ]
    carer = ("壬", CARER, "男", "1970-03-03", VILLAGE, HOUSES["丁"], "H3")
    write_cells(files / "persons.csv", head, [*people, carer])
    statuses = [(row[1], "living_alone_elder", "2026-01-10") for row in people]
    write_cells(files / "statuses.csv", ("[id_number]", "[category]", "[decided_on]"), statuses)
    worker = ("测试员", make_id_number("990101", "19850505", 3), "grid_worker", VILLAGE, "2026-01-01")
    write_cells(files / "workers.csv", ("[name]", "[id_number]", "[post]", "[region]", "[from]"), [worker])
