"""A register of invented people, written as the import writes it: sealed, hashed, indexed, by COPY, without events.

`python -m tuoqi.benchmarks.people FIRST COUNT` writes a share, so that several processes can write at once.
"""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from typing import Final

from tuoqi.kit.crypto import load_keys
from tuoqi.kit.database import Database
from tuoqi.kit.ids import id_maker
from tuoqi.registry.domain.person import HukouSince, Person
from tuoqi.registry.settings import Settings
from tuoqi.registry.store.persons import PersonStore
from tuoqi.registry.store.seals import Vault
from tuoqi.registry.store.search import add_categories

AT: Final = datetime(2026, 11, 1, tzinfo=UTC)
TODAY: Final = AT.date()
TOWNS: Final = 20
VILLAGES: Final = 20
"""In each town: 400 villages, 2,500 people each where there are a million."""
CHUNK: Final = 1_000
_SURNAMES: Final = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜"
    "范江傅钟卢汪戴崔任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚"
)
_GIVEN: Final = (
    "英秀玉明华兰芳小建国文桂珍红春梅丽云平军生海荣金志成凤林新学德光庆永福清美香玲琴娟燕霞敏静强伟勇峰辉杰涛"
    "宇浩然俊晨阳博睿泽坤山发贵才兴顺有正忠义雪琳婷欣怡雨佳慧颖莹洁仙翠莲菊艳花蓉月彩巧淑波斌龙飞鹏凯刚诚信"
)
_DOUBLE: Final = ("欧阳", "上官", "司徒", "诸葛", "皇甫")
_DOTTED: Final = ("古丽", "艾山", "吐尔逊", "阿依努尔", "热合曼", "库尔班", "帕提曼", "米热依")
_RARE: Final = ("𠮷", "𬭎", "𫖯", "𬎆")
_CATEGORIES: Final = (
    ("dibao", 0.03), ("disability", 0.02), ("living_alone_elder", 0.015), ("tekun", 0.004), ("orphan", 0.0002),
)  # fmt: skip
_STATUS: Final = ("interval_id", "person_id", "category", "subtype", "level", "applied_on", "decided_on", "ended_on",
                  "valid_until", "amount_fen", "loaded_order", "private", "known_at")  # fmt: skip


def region_of(number: int) -> str:
    """The village of the n-th person; people of one village were registered together, as files of villages are."""
    town, village = divmod(number, VILLAGES)
    return f"990101{100 + town % TOWNS:03d}{200 + village:03d}"


def people(first: int, count: int, total: int) -> Iterator[tuple[Person, tuple[str, ...]]]:
    """Persons with their categories; the same number makes the same person in every run."""
    new_id = id_maker(b"a benchmark's ids are no secret")
    size = max(1, total // (TOWNS * VILLAGES))
    for number in range(first, first + count):
        rng = random.Random(number)  # noqa: S311  repeatable, no secret
        place = min(number // size, TOWNS * VILLAGES - 1)
        person_id = new_id(AT + timedelta(seconds=number // CHUNK), "person", number)
        yield _person(rng, number, person_id, place)


def _person(rng: random.Random, number: int, person_id: str, place: int) -> tuple[Person, tuple[str, ...]]:
    born = date(1930, 1, 1) + timedelta(days=int(34_500 * rng.random() ** 1.3))
    man = number % 2 == 1
    # Numbers are unique: a serial of three digits for each thousand of people, each with an area of its own.
    body = f"99{number // 1_000:04d}{born:%Y%m%d}{number % 1_000:03d}"
    texts = {
        "name": _name(rng, place),
        "id_number": body + str(rng.randrange(10)),
        "phone": f"1{rng.randrange(30, 100)}{rng.randrange(10**8):08d}",
        "address": "测试镇测试村一组",
        "household_no": f"户{number // 3}",
    }
    categories = tuple(name for name, share in _CATEGORIES if rng.random() < share)
    region = region_of(place)
    died = date(2025, 5, 1) if rng.random() < 0.02 else None  # noqa: PLR2004
    return Person(
        person_id, born, "M" if man else "F", (HukouSince(region, TODAY),), residence_region=region, died_on=died,
        household_id=f"household-{number // 3}", private=texts, version=1,
    ), categories  # fmt: skip


@cache
def _weights() -> list[float]:
    return list(accumulate(1 / (rank + 2.5) for rank in range(len(_SURNAMES))))


@cache
def _local_surnames(place: int) -> Sequence[str]:
    # A village has its own surnames: half of its people bear one of three.
    return random.Random(f"village {place}").choices(_SURNAMES, cum_weights=_weights(), k=3)  # noqa: S311


def _name(rng: random.Random, place: int) -> str:
    chance = rng.random()
    if chance < 0.006:  # noqa: PLR2004
        return f"{rng.choice(_DOTTED)}·{rng.choice(_DOTTED)}"
    if chance < 0.01:  # noqa: PLR2004
        family = rng.choice(_DOUBLE)
    elif chance < 0.5:  # noqa: PLR2004
        family = rng.choice(_local_surnames(place))
    else:
        family = rng.choices(_SURNAMES, cum_weights=_weights())[0]
    last = rng.choice(_RARE) if rng.random() < 0.002 else rng.choice(_GIVEN)  # noqa: PLR2004
    return family + last if rng.random() < 0.14 else family + rng.choice(_GIVEN) + last  # noqa: PLR2004


async def write(settings: Settings, first: int, count: int, total: int) -> None:
    """Write a share of the register, a thousand in a transaction."""
    keys = load_keys(settings)
    if keys.master is None or keys.lookup is None:
        raise ValueError("the registry's keys are missing")
    vault = Vault(keys.master, keys.lookup)
    database = Database(settings, application="bench")
    store = PersonStore(vault)
    for begin in range(first, first + count, CHUNK):
        made = list(people(begin, min(CHUNK, first + count - begin), total))
        async with database.begin() as tx:
            await store.save(tx, {}, [person for person, _ in made], AT, vault.ring())
            held = [(person.person_id, category) for person, some in made for category in some]
            await tx.copy("person_statuses", _STATUS, [_interval(*pair) for pair in held])
            await add_categories(tx, held)
    await database.close()


def _interval(person_id: str, category: str) -> tuple[object, ...]:
    decided = date(2024, 3, 1)
    return (f"{person_id}/{category}", person_id, category, "", "", None, decided, None, None, 0, 1, b"\x01", AT)


if __name__ == "__main__":
    asyncio.run(write(Settings(), *map(int, sys.argv[1:4])))  # type: ignore[call-arg]  # from the environment
