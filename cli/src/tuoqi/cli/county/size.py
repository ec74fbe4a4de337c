"""How many of what a county of a given size has: the proportions of a small mountain county, scaled linearly."""

from dataclasses import dataclass
from typing import Final

PERSONS_MIN: Final = 100
PERSONS_MAX: Final = 2_000_000
_BASE_PERSONS: Final = 25_000
_BASE_CHILDREN: Final = 6_676
_BASE_ELDERS: Final = 15_147
# Households of one person with a status that few have, in a county of 25,000 on the register.
_BASE_SPECIAL: Final = {
    "orphan_type_c": 6,
    "orphan_institution": 14,
    "orphan_dispersed": 40,
    "de_facto_unattended_child": 126,
    "tekun_child": 9,
    "tekun_elder": 620,
    "tekun_adult": 60,
    "in_school": 12,
}
_BASE_TEMPORARY: Final = 75
_BASE_OUTSIDE: Final = 90
_BASE_LIST: Final = 20


@dataclass(frozen=True, slots=True)
class Size:
    """Counts for one county; whatever is rare occurs at least once."""

    persons: int

    def __post_init__(self) -> None:
        if not PERSONS_MIN <= self.persons <= PERSONS_MAX:
            raise ValueError(f"persons must be {PERSONS_MIN} to {PERSONS_MAX}, not {self.persons}")

    def scaled(self, base: int) -> int:
        """What is `base` in a county of 25,000, here; at least one."""
        return max(1, (base * self.persons + _BASE_PERSONS // 2) // _BASE_PERSONS)

    @property
    def children(self) -> int:
        """Children (under 18) on the register."""
        return self.scaled(_BASE_CHILDREN)

    @property
    def elders(self) -> int:
        """People of 60 and older on the register."""
        return self.scaled(_BASE_ELDERS)

    @property
    def adults(self) -> int:
        """People from 18 to 59 on the register: parents, keepers, people in need."""
        return self.persons - self.children - self.elders

    @property
    def special_households(self) -> dict[str, int]:
        """Households of one person with a rare status, by its name."""
        return {name: self.scaled(count) for name, count in _BASE_SPECIAL.items()}

    @property
    def temporary(self) -> int:
        """People without an identity number, 0.3 %."""
        return self.scaled(_BASE_TEMPORARY)

    @property
    def outside(self) -> int:
        """People registered in another county."""
        return self.scaled(_BASE_OUTSIDE)

    @property
    def listed(self) -> int:
        """Rows of each monthly comparison list; at least two."""
        return max(2, self.scaled(_BASE_LIST))
