"""One invented person: numbers that are unique in the county, a name, a phone, an account."""

from dataclasses import dataclass, field
from random import Random
from typing import Final, NamedTuple

from tuoqi.cli.county import names
from tuoqi.cli.county.chance import between, happens, pick
from tuoqi.cli.county.identity import luhn_digit, make_id_number
from tuoqi.cli.county.month import iso
from tuoqi.cli.county.places import COUNTY, NEIGHBOUR, OUTSIDE_VILLAGE, Village

ELDER: Final = "elder"
ADULT: Final = "adult"
CHILD: Final = "child"

_NO_PHONE_SHARE: Final = 0.1
_BANKS: Final = ("禾屏县农村信用合作联社", "岚霞银行禾屏支行", "青屏农村商业银行禾屏支行")
_CARD_PREFIX: Final = "629999"
_CARD_SERIALS: Final = 10**12
_CARD_STRIDE: Final = 613_889_370_407  # prime to the number of serials: no card number comes twice
_SEQUENCES: Final = 499  # per birth day and sex; 000 is left out
_SEQUENCE_STRIDE: Final = 179


class Account(NamedTuple):
    """A payee account (收款账号) of a person or facility; the holder's number is empty for a facility."""

    number: str
    holder_name: str
    holder_id: str
    bank: str


class Guardian(NamedTuple):
    """Who looks after a child (监护人), on the register or not; a welfare home has no number."""

    name: str
    id_number: str
    phone: str


NO_ACCOUNT: Final = Account("", "", "", "")
NO_GUARDIAN: Final = Guardian("", "", "")


@dataclass(slots=True)
class Person:
    """One person of the register with the rows and the standing that the generator gives them.

    `born` is a day's ordinal; exactly one of `id_number` and `temp_id` is set; `current` holds what is in force on
    the loading day: category → (subtype, level); `facility` is where the person lives, if in a home; `score` is that of
    the guardianship scorecard, -1 where there is none.
    """

    age_class: str
    name: str
    sex: str
    ethnic: str
    born: int
    id_number: str
    temp_id: str
    household_no: str
    relation: str
    home: Village
    hukou: Village
    phone: str = ""
    address: str = ""
    guardian: Guardian = NO_GUARDIAN
    account: Account = NO_ACCOUNT
    status_rows: list[tuple[str, ...]] = field(default_factory=list)
    current: dict[str, tuple[str, str]] = field(default_factory=dict)
    paid: set[str] = field(default_factory=set)
    facility: str = ""
    score: int = -1

    @property
    def key(self) -> tuple[str, str]:
        """The two columns that name the person in every file."""
        return self.id_number, self.temp_id

    def row(self) -> tuple[str, ...]:
        """The person's row of persons.csv."""
        head = (self.name, *self.key, self.sex, self.ethnic, iso(self.born), self.hukou.code, self.home.code)
        household = (self.address, self.phone, self.household_no, self.relation)
        return (*head, *household, *self.guardian, *self.account, "", "")


class Numbers:
    """Gives out identity numbers, temporary numbers, cards and phones; none but phones is given twice."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._sequences: dict[tuple[int, str], int] = {}
        self._cards = between(rng, 1, _CARD_SERIALS - 1)
        self._temporary = 0

    def identity(self, born: int, sex: str, county: str = COUNTY) -> str:
        """A new valid number for a birth day and sex.

        Raises:
            ValueError: all 499 sequences of that day and sex are used up (a county of several million).
        """
        used = self._sequences.get((born, sex), 0)
        if used >= _SEQUENCES:
            raise ValueError(f"no free identity number for {iso(born)}: too many persons")
        self._sequences[born, sex] = used + 1
        # A day's numbers jump about, else neighbours on the list would have neighbouring numbers.
        place = (used * _SEQUENCE_STRIDE + born) % _SEQUENCES
        sequence = 2 * place + (1 if sex == "男" else 2)
        return make_id_number(county, iso(born).replace("-", ""), sequence)

    def temporary(self, year: str) -> str:
        """A temporary number (临时编号) for one who has no identity number yet."""
        self._temporary += 1
        return f"LS{year}{self._temporary:06d}"

    def account(self, holder_name: str, holder_id: str) -> Account:
        """A new account with a 19-digit card that passes its Luhn check."""
        self._cards = (self._cards + _CARD_STRIDE) % _CARD_SERIALS
        digits = f"{_CARD_PREFIX}{self._cards:012d}"
        return Account(digits + luhn_digit(digits), holder_name, holder_id, pick(self._rng, _BANKS))

    def phone(self) -> str:
        """An invented mobile number; two people may share one, as in families."""
        return f"19900{int(self._rng.random() * 1_000_000):06d}"


class PersonMaker:
    """Makes single persons; what a household shares is handed in."""

    def __init__(self, rng: Random, numbers: Numbers, year: str) -> None:
        self._rng = rng
        self._numbers = numbers
        self._year = year

    def person(
        self,
        age_class: str,
        born: int,
        household: "Shared",
        relation: str,
        *,
        sex: str = "",
        family: str = "",
        temporary: bool = False,
    ) -> Person:
        """A person of a household with name, number and phone, and no account yet."""
        rng = self._rng
        sex = sex or pick(rng, "男女")
        county = NEIGHBOUR if household.hukou is OUTSIDE_VILLAGE else COUNTY
        return Person(
            age_class=age_class,
            name=names.full_name(rng, family or household.family, sex, household.ethnic),
            sex=sex,
            ethnic=household.ethnic,
            born=born,
            id_number="" if temporary else self._numbers.identity(born, sex, county),
            temp_id=self._numbers.temporary(self._year) if temporary else "",
            household_no=household.number,
            relation=relation,
            home=household.home,
            hukou=household.hukou,
            phone="" if age_class == CHILD or happens(rng, _NO_PHONE_SHARE) else self._numbers.phone(),
            address=household.address,
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """What the members of a household share."""

    number: str
    home: Village
    hukou: Village
    address: str
    family: str
    ethnic: str
