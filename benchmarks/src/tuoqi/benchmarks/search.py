"""`tuoqi bench search`: a clerk's searches in a register of a million people, through the real gRPC method.

Guard, rights, validation, audit (two rows a search, each durable) and the opening of sealed names are all in the
figures. What is asked for is drawn from the people themselves, so common names are asked for as often as they are borne.
"""

from __future__ import annotations

import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import uvloop

from tuoqi.benchmarks.cluster import Cluster, cpu_s, database_of, fill, people_server
from tuoqi.benchmarks.people import people, region_of
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.contracts.registry.v1.person_service_pb2_grpc import PersonServiceStub
from tuoqi.kit.rpc.client import connect
from tuoqi.registry.domain.person import Person
from tuoqi.registry.store.tokens import readings

P95_MS_MAX: Final = 50.0
WARM_UP: Final = 20
"""Searches of each kind before any is measured: connections, plans and the table of readings are there then."""
Ask = Callable[[random.Random, Person, str], Mapping[str, Any]]


def _part(rng: random.Random, person: Person, length: int) -> str:
    name = person.private["name"].replace("·", "")
    first = rng.randrange(max(1, len(name) - length + 1))
    return name[first : first + length]


def _syllables(person: Person) -> list[str]:
    return [(readings().of(character) or ("a",))[0] for character in person.private["name"].replace("·", "")]


def _unfinished(rng: random.Random, text: str) -> str:
    return text if rng.random() < 0.5 else text[:-1] or text  # noqa: PLR2004


KINDS: Final[Mapping[str, Ask]] = {
    "one_character": lambda rng, person, _: {"terms": [_part(rng, person, 1)]},
    "two_characters": lambda rng, person, _: {"terms": [_part(rng, person, 2)]},
    "whole_name": lambda _rng, person, _: {"terms": [person.private["name"]]},
    "pinyin": lambda rng, person, _: {"terms": [_unfinished(rng, "".join(_syllables(person)))]},
    "syllables": lambda rng, person, _: {"terms": [_unfinished(rng, one) for one in _syllables(person)[:6]]},
    "initials": lambda _rng, person, _: {"terms": ["".join(one[0] for one in _syllables(person)[:4])]},
    "phone_end": lambda _rng, person, _: {"terms": [person.private["phone"][-4:]]},
    "number_end": lambda _rng, person, _: {"terms": [person.private["id_number"][-4:]]},
    "whole_phone": lambda _rng, person, _: {"terms": [person.private["phone"]]},
    "village_category_age": lambda _rng, _person, village: {
        "region": village, "categories": ["dibao"], "age_min": 60, "alive": True,
    },
    "category_age": lambda rng, _person, _: {
        "categories": [rng.choice(("dibao", "tekun", "disability"))], "age_min": 90,
    },
    "character_category_age": lambda rng, person, _: {
        "terms": [_part(rng, person, 1)], "categories": ["dibao"], "age_min": 80,
    },
    "character_town": lambda rng, person, village: {"terms": [_part(rng, person, 1)], "region": village[:9]},
    "household": lambda _rng, person, _: {"household_id": person.household_id},
}  # fmt: skip


def bench_search(persons: int, searches: int, seed: int, say: Callable[[str], None]) -> dict[str, Any]:
    """The whole measurement; one JSON object. `searches` of each kind."""
    with database_of("registry") as cluster:
        say(f"writing {persons:,} people")
        filled_s = fill(cluster, persons)
        say(f"written in {filled_s:.0f} s; searching, {searches} of each of {len(KINDS) + 1} kinds")
        with people_server(cluster) as (process, addresses):
            asked = _questions(persons, searches + WARM_UP, seed)
            token = (cluster.home.secrets / "platform.token").read_text().strip()
            took, memory_mb, used = uvloop.run(_ask_all(addresses["registry"], token, asked, process, cluster))
    return _report(persons, filled_s, took, memory_mb, used)


def _questions(persons: int, each: int, seed: int) -> dict[str, list[pb.SearchPersonsRequest]]:
    rng = random.Random(seed)  # noqa: S311  repeatable, no secret
    questions: dict[str, list[pb.SearchPersonsRequest]] = {kind: [] for kind in KINDS}
    size = max(1, persons // 400)
    for kind, ask in KINDS.items():
        for _ in range(each):
            number = rng.randrange(persons)
            ((person, _held),) = people(number, 1, persons)
            questions[kind].append(pb.SearchPersonsRequest(**ask(rng, person, region_of(min(number // size, 399)))))
    return questions


async def _ask_all(
    address: str, token: str, asked: Mapping[str, Sequence[pb.SearchPersonsRequest]], process: Any, cluster: Cluster
) -> tuple[dict[str, list[float]], float, float]:
    """Milliseconds of each search by kind, one after the other as one clerk asks; the server's memory and all CPU."""
    took: dict[str, list[float]] = {kind: [] for kind in (*asked, "next_page")}
    async with connect(address, token, "clerk.li", "bench") as channel:
        stub: Any = PersonServiceStub(channel)
        for questions in asked.values():
            for question in questions[:WARM_UP]:
                await stub.SearchPersons(question)
        before = cpu_s(process) + cpu_s(cluster.postgres)
        for kind, questions in asked.items():
            for question in questions[WARM_UP:]:
                begun = time.perf_counter()
                answer = await stub.SearchPersons(question)
                took[kind].append((time.perf_counter() - begun) * 1e3)
                if kind == "one_character" and answer.next_page_token:
                    question.page_token = answer.next_page_token
                    begun = time.perf_counter()
                    await stub.SearchPersons(question)
                    took["next_page"].append((time.perf_counter() - begun) * 1e3)
        used = cpu_s(process) + cpu_s(cluster.postgres) - before
    return took, process.memory_info().rss / 1e6, used


def _percentiles(values: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {
        "p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2), "p99_ms": round(cuts[98], 2),
        "max_ms": round(max(values), 2), "searches": len(values),
    }  # fmt: skip


def _report(
    persons: int, filled_s: float, took: Mapping[str, Sequence[float]], memory_mb: float, used: float
) -> dict[str, Any]:
    every = [one for values in took.values() for one in values]
    overall = _percentiles(every)
    seconds = sum(every) / 1e3
    return {
        "name": "search",
        "ours": {
            "per_s": round(len(every) / seconds, 1),
            "seconds": round(seconds, 3),
            "cpu_s": round(used, 3),
            "runs": [round(len(values) / sum(values) * 1e3, 1) for values in took.values() if values],
            **overall,
        },
        "limit": {"p95_ms": P95_MS_MAX},
        "naive": None,
        "ours_to_limit": round(overall["p95_ms"] / P95_MS_MAX, 3),
        "ours_to_naive": None,
        "kinds": {kind: _percentiles(values) for kind, values in took.items() if len(values) > 1},
        "memory_mb_max": round(memory_mb, 1),
        "sizes": {"persons": persons, "filled_s": round(filled_s, 1), "page": 50},
        "conditions": {
            "cores": os.cpu_count(),
            "python": sys.version.split()[0],
            "durability": "synchronous_commit=on, two audit rows a search",
            "switched_off": "the limit of searches a minute for one user",
        },
    }
