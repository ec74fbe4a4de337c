"""`tuoqi person`: find people, read their files, write them out, rebuild what search reads."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.field_mask_pb2 import FieldMask

from tuoqi.cli.files.writing import PRIVATE, PUBLIC, text_file
from tuoqi.cli.options import AsJson, By, Limit, Purpose, moment_from
from tuoqi.cli.output import Progress, emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.platform import Platform, call
from tuoqi.contracts.registry.v1 import person_service_pb2 as pb
from tuoqi.contracts.registry.v1.person_service_pb2_grpc import PersonServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors
from tuoqi.kit.stamps import stamp_of

app = typer.Typer(help="Find people, read their files, write them out.")
register_errors(
    {
        "person.not_found": ("NOT_FOUND", "没有此人，或不在经办人的区划内；未成年人须用 --purpose 说明用途。"),
        "person.age": ("INVALID_ARGUMENT", "年龄写作 80-、-17、60-79 或 8。"),
    }
)
PAGE_MAX = 200
Region = Annotated[str, typer.Option("--village", "--region", metavar="CODE", help="Only here and below.")]
Category = Annotated[
    list[str], typer.Option("--category", metavar="KEY", help="Only people in this category today; repeat it.")
]
Reveal = Annotated[bool, typer.Option("--reveal", help="Numbers in full; needs the right and a purpose.")]
_AGE = re.compile(r"(?P<single>[0-9]{1,3})|(?P<first>[0-9]{0,3})-(?P<last>[0-9]{0,3})")


@app.callback()
def person() -> None:
    """Find people, read their files, write them out."""


@app.command(
    epilog='Example: tuoqi person search "王 小" --village 990101101101 --category dibao --age 80- --by clerk.li'
)
def search(
    terms: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TERM]...",
            help="Parts of the name, pinyin, initials, the last four of phone or number, whole numbers, YYYYMMDD.",
        ),
    ] = None,
    region: Region = "",
    category: Category = [],  # noqa: B006  typer reads it, nobody changes it
    age: Annotated[str, typer.Option("--age", metavar="FROM-TO", help="80-, -17, 60-79 or 8.")] = "",
    sex: Annotated[str, typer.Option("--sex", metavar="M|F")] = "",
    household: Annotated[
        list[str], typer.Option("--household", metavar="NO", help="The household's number 户编号; repeat it.")
    ] = [],  # noqa: B006  typer reads it, nobody changes it
    alive: Annotated[bool | None, typer.Option("--alive/--dead", help="Only the living or only the dead.")] = None,
    limit: Limit = 50,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Find people by whatever is known of them 查人; all conditions together."""
    age_min, age_max = _ages(age)
    request = pb.SearchPersonsRequest(
        terms=[part for term in terms or () for part in term.split()],
        region=region,
        categories=category,
        sex=sex,
        household_nos=household,
        alive=alive,
        age_min=age_min,
        age_max=age_max,
    )

    async def ask(platform: Platform) -> tuple[list[pb.PersonFound], bool, bool]:
        stub: Any = platform.stub(PersonServiceStub, "registry")
        found: list[pb.PersonFound] = []
        while True:
            request.page_size = min(PAGE_MAX, limit - len(found))
            answer: pb.SearchPersonsResponse = await stub.SearchPersons(request)
            found += answer.persons
            if len(found) >= limit or not answer.next_page_token:
                return found, bool(answer.next_page_token), answer.children_left_out
            request.page_token = answer.next_page_token

    found, more, children_left_out = call(ask, by, purpose)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    rows = [
        (one.name, one.id_number, one.region, one.age, one.sex, one.died_on, ",".join(one.categories), one.person_id)
        for one in found
    ]
    show_rows(("姓名", "证件号码", "区划", "年龄", "性别", "死亡日期", "类别", "人员编号"), rows, right=("年龄",))
    say(f"{len(found)} 人" + ("，还有更多，可用 --limit" if more else ""))
    if children_left_out:
        say("未列未成年人；用 --purpose 说明用途后可列。")


@app.command(epilog="Example: tuoqi person show 019a… --reveal --purpose 入户核对 --by reviewer.zhao")
def show(
    person_id: Annotated[str, typer.Argument(metavar="PERSON", help="The person's id.")],
    reveal: Reveal = False,
    known_at: Annotated[
        str, typer.Option("--known-at", metavar="MOMENT", help="As it was known then: YYYY-MM-DD HH:MM.")
    ] = "",
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show a person's file; what names the person only for a purpose."""
    request = pb.GetPersonsRequest(person_ids=[person_id], mask=_mask(purpose, now=not known_at), reveal=reveal)
    if known_at:
        request.known_at.CopyFrom(stamp_of(moment_from(known_at)))

    async def ask(platform: Platform) -> list[pb.Person]:
        stub: Any = platform.stub(PersonServiceStub, "registry")
        return list((await stub.GetPersons(request)).persons)

    found = call(ask, by, purpose)
    if not found:
        raise TuoqiError("person.not_found")
    if as_json:
        emit(plain(found[0]))
    else:
        show_pairs(_lines(found[0]))


@app.command(epilog="Example: tuoqi person export --village 990101101 --out people.jsonl --by clerk.li")
def export(
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to: one JSON object a line.")],
    region: Region = "",
    category: Category = [],  # noqa: B006  typer reads it, nobody changes it
    alive: Annotated[bool | None, typer.Option("--alive/--dead", help="Only the living or only the dead.")] = None,
    names: Annotated[bool, typer.Option("--names", help="With what names the person; needs a purpose.")] = False,
    reveal: Reveal = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Write files of people out, one JSON object a line."""
    mask = _mask(purpose, now=True) if names or reveal else FieldMask()
    request = pb.ExportPersonsRequest(region=region, categories=category, alive=alive, mask=mask, reveal=reveal)

    async def write(platform: Platform) -> int:
        stub: Any = platform.stub(PersonServiceStub, "registry")
        answers: AsyncIterator[pb.ExportPersonsResponse] = stub.ExportPersons(request)
        count = 0
        mode = PRIVATE if names or reveal else PUBLIC
        with text_file(out, mode=mode) as file, Progress("persons", quiet=as_json) as progress:
            async for answer in answers:
                for one in answer.persons:
                    file.write(json.dumps(plain(one), ensure_ascii=False) + "\n")
                count += len(answer.persons)
                progress.tell(count, 0)
        return count

    count = call(write, by, purpose)
    emit({"out": str(out), "persons": count}) if as_json else say(f"{count} 人写入 {out}")


@app.command(epilog="Example: tuoqi person reindex --by ops.zheng")
def reindex(
    anew: Annotated[
        bool, typer.Option("--anew", help="From the first person on, not where it was broken off.")
    ] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Rebuild what search and batch get read; broken off, it goes on where it stood."""

    async def run(platform: Platform) -> int:
        stub: Any = platform.stub(PersonServiceStub, "registry")
        done = 0
        with Progress("reindex", quiet=as_json) as progress:
            async for answer in stub.ReindexPersons(pb.ReindexPersonsRequest(anew=anew)):
                done = answer.done
                progress.tell(answer.done, answer.total)
        return done

    done = call(run, by)
    emit({"done": done}) if as_json else say(f"已重建 {done} 人")


def _ages(text: str) -> tuple[int | None, int | None]:
    """The least and the greatest age that `80-`, `-17`, `60-79` or `8` means. Raises person.age."""
    if not text:
        return None, None
    found = _AGE.fullmatch(text)
    if found is None or text == "-":
        raise TuoqiError("person.age")
    if found["single"]:
        return int(found["single"]), int(found["single"])
    first, last = (int(found[name]) if found[name] else None for name in ("first", "last"))
    return first, last


def _mask(purpose: str, *, now: bool) -> FieldMask:
    """Every open field; the categories where they can be told; what names the person where there is a purpose."""
    open_fields = [name for name in pb.Person.DESCRIPTOR.fields_by_name if name not in {"categories", "private"}]
    return FieldMask(paths=[*open_fields, *(["categories"] if now else []), *(["private"] if purpose else [])])


def _lines(one: pb.Person) -> dict[str, object]:
    lines: dict[str, object] = {
        "人员编号": one.person_id,
        "出生日期": one.birth_date,
        "性别": one.sex,
        "户籍": "；".join(f"{since.region}（{since.known_on} 起）" for since in one.hukou),
        "居住": one.residence_region,
        "死亡日期": one.died_on,
        "迁出": "；".join(f"{away.moved_out_on} 至 {away.returned_on or '今'}" for away in one.absences),
        "类别": "、".join(one.categories),
        "户": one.household_id,
        "并入": one.merged_into,
        "获知时间": shown(one.known_at),
        "版本": one.version,
    }
    titles = {
        "name": "姓名", "id_number": "证件号码", "temp_id": "临时编号", "ethnic": "民族", "address": "地址",
        "phone": "电话", "household_no": "户编号", "relation_to_head": "与户主关系", "guardian_name": "监护人姓名",
        "guardian_id_number": "监护人证件", "guardian_phone": "监护人电话", "account_no": "收款账号",
        "account_name": "收款人姓名", "account_holder_id": "收款人证件", "bank": "开户行", "note": "备注",
    }  # fmt: skip
    private = {title: getattr(one.private, key) for key, title in titles.items()}
    return {title: value for title, value in (lines | private).items() if value != ""}
