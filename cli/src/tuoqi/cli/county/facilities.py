"""The facilities (设施) of the county: 18 homes for old people and children together, elder homes, child protection.

The figures of the 18 sites are a real plan's, dirty values included (a fire equipment that is not there yet is a
finding, not a typing error); names and places are invented.
"""

import csv
from importlib.resources import files

from tuoqi.cli.county.people import Account, Numbers
from tuoqi.cli.county.places import COUNTY_NAME, VILLAGES, Village

CHILD_HOME_NAME = f"{COUNTY_NAME}儿童福利院"
CHILD_HOME_VILLAGE = VILLAGES[0]
# The county's centre and four township homes: village by number, beds; 480 beds in all.
_ELDER_HOMES = ((1, 200), (12, 80), (32, 80), (52, 60), (72, 60))
ELDER_HOME_VILLAGES = tuple(VILLAGES[place] for place, _ in _ELDER_HOMES)
_CHILD_HOME_BEDS = 60
CHILD_HOME = "FLY01"
MERGED_HOME = "JLY02"
"""An old home that the demonstration merges into the centre."""
_WITHOUT_ROOM = (9, 33, 58, 80)
_SITE_STEP = 5  # every fifth village has a home for old and young, 18 in all


def facility_rows(numbers: Numbers) -> list[tuple[str, ...]]:
    """The rows of facilities.csv; homes where people live have an account of their own."""
    return [*_site_rows(), *_elder_home_rows(numbers), _child_home_row(numbers), *_protection_rows()]


def elder_homes() -> list[tuple[str, int]]:
    """Code and beds of the homes in which old people live, the centre first."""
    return [(f"JLY{number:02d}", beds) for number, (_, beds) in enumerate(_ELDER_HOMES, start=1)]


def _site_rows() -> list[tuple[str, ...]]:
    """The homes for old people and children (一老一小幸福院)."""
    text = files("tuoqi.cli.county").joinpath("data/elder_child_sites.csv").read_text(encoding="utf-8")
    rows: list[tuple[str, ...]] = []
    for number, site in enumerate(csv.DictReader(text.splitlines())):
        village = VILLAGES[(number * _SITE_STEP + 2) % len(VILLAGES)]
        name = f"{village.township}{village.name.removesuffix('村')}“一老一小”幸福院"
        figures = (site["floors"], site["total_area_m2"], site["canteen_m2"], site["outdoor_m2"])
        head = (f"XFY{number + 1:02d}", name, "elder_child_home", village.code, site["resource_type"], "public")
        rows.append((*head, *figures, site["fire_equipment"], "", site["batch"], "", "", ""))
    return rows


def _elder_home_rows(numbers: Numbers) -> list[tuple[str, ...]]:
    """The county's elder centre (区域养老服务中心) and the township elder homes (敬老院)."""
    rows = []
    for number, (village, (_, beds)) in enumerate(zip(ELDER_HOME_VILLAGES, _ELDER_HOMES, strict=True)):
        kind = "township_elder_home" if number else "regional_elder_center"
        name = f"{village.township}敬老院" if number else f"{COUNTY_NAME}中心敬老院"
        area = ("3", str(beds * 22), str(beds), str(beds * 10), "消防栓", str(beds))
        row = _home_row(f"JLY{number + 1:02d}", name, kind, village, area=area, account=numbers.account(name, ""))
        rows.append(row)
    return rows


def _child_home_row(numbers: Numbers) -> tuple[str, ...]:
    """The county's child welfare home (儿童福利院)."""
    area = ("4", "2600", "120", "900", "消防栓", str(_CHILD_HOME_BEDS))
    account = numbers.account(CHILD_HOME_NAME, "")
    return _home_row(CHILD_HOME, CHILD_HOME_NAME, "child_welfare_home", CHILD_HOME_VILLAGE, area=area, account=account)


def _home_row(
    code: str, name: str, kind: str, village: Village, *, area: tuple[str, ...], account: Account
) -> tuple[str, ...]:
    """One home with its account; `area` holds floors, square metres inside, of the canteen, outside, fire, beds."""
    payee = (account.number, account.holder_name, account.bank)
    return (code, name, kind, village.code, "", "public", *area, "", *payee)


def _protection_rows() -> list[tuple[str, ...]]:
    """The centre (未成年人救护保护中心), a station (保护工作站) in each township, a room (未保室) in most villages."""
    blank = ("",) * 10
    rows: list[tuple[str, ...]] = [
        ("WBZX01", f"{COUNTY_NAME}未成年人救助保护中心", "protection_center", VILLAGES[0].code, "", "public", *blank)
    ]
    communities = [village for village in VILLAGES if village.kind == "community"]
    for number, village in enumerate(communities, start=1):
        name = f"{village.township}未成年人保护工作站"
        rows.append((f"WBZ{number:02d}", name, "protection_station", village.code, "", "public", *blank))
    for number, village in enumerate(VILLAGES, start=1):
        if number not in _WITHOUT_ROOM:
            name = f"{village.township}{village.name}未成年人保护室"
            rows.append((f"WBS{number:02d}", name, "protection_room", village.code, "", "public", *blank))
    return rows
