"""The invented places: one county of nine towns and townships with 92 villages and communities, and a neighbour.

The tree does not depend on seed or size, so that policy files and users can name its codes.
"""

from dataclasses import dataclass
from typing import Final

COUNTY: Final = "990101"
NEIGHBOUR: Final = "990102"
COUNTY_NAME: Final = "禾屏县"
_VALID_FROM: Final = "2000-01-01"
_TOWNSHIPS: Final = (
    ("雾坪镇", "town"), ("鹿沱镇", "town"), ("青柚镇", "town"), ("石磬镇", "town"), ("云岔镇", "town"),
    ("枫橹乡", "township"), ("竹泠乡", "township"), ("荞岭乡", "township"), ("雁杪乡", "township"),
)  # fmt: skip
_VILLAGES: Final = (12, 10, 10, 10, 10, 10, 10, 10, 10)
_STEMS: Final = ("栎坪", "橹湾", "荞坡", "鹿塘", "磬岩", "柚林", "雾沟", "岔河", "泠水", "枫垭", "雁洲", "稗田")
_SIDES: Final = "上下东西前后大小"


@dataclass(frozen=True, slots=True)
class Village:
    """A village (村) or community (社区): where people live."""

    code: str
    name: str
    township_code: str
    township: str
    kind: str

    @property
    def address(self) -> str:
        """The start of an address in it."""
        return f"{COUNTY_NAME}{self.township}{self.name}"


def _village_rows() -> tuple[Village, ...]:
    """All villages in the order of their codes; the first of each township is its community."""
    villages: list[Village] = []
    for place, ((township, _), size) in enumerate(zip(_TOWNSHIPS, _VILLAGES, strict=True), start=1):
        township_code = f"{COUNTY}1{place:02d}000"
        for number in range(size):
            stem = _SIDES[len(villages) % len(_SIDES)] + _STEMS[len(villages) // len(_SIDES)]
            community = number == 0
            code = f"{township_code[:9]}{1 if community else 200 + number:03d}"
            name = stem + ("社区" if community else "村")
            villages.append(Village(code, name, township_code, township, "community" if community else "village"))
    return tuple(villages)


VILLAGES: Final = _village_rows()
# A household registration (户籍) outside the county, for people who live in it.
OUTSIDE_VILLAGE: Final = Village(f"{NEIGHBOUR}101201", "溪尾村", f"{NEIGHBOUR}101000", "松沱镇", "village")


def region_rows() -> list[tuple[str, ...]]:
    """The rows of regions.csv, parents before children."""
    rows = [
        ("990000000000", "岚霞省", "", "province"),
        ("990100000000", "青屏市", "990000000000", "city"),
        (f"{COUNTY}000000", COUNTY_NAME, "990100000000", "county"),
    ]
    for place, (name, kind) in enumerate(_TOWNSHIPS, start=1):
        code = f"{COUNTY}1{place:02d}000"
        rows.append((code, name, f"{COUNTY}000000", kind))
        rows += [(v.code, v.name, code, v.kind) for v in VILLAGES if v.township_code == code]
    rows += [
        (f"{NEIGHBOUR}000000", "松沱县", "990100000000", "county"),
        (OUTSIDE_VILLAGE.township_code, OUTSIDE_VILLAGE.township, f"{NEIGHBOUR}000000", "town"),
        (OUTSIDE_VILLAGE.code, OUTSIDE_VILLAGE.name, OUTSIDE_VILLAGE.township_code, OUTSIDE_VILLAGE.kind),
    ]
    return [(*row, _VALID_FROM, "") for row in rows]
