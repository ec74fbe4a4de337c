"""`tuoqi visits upload|records|record|attachment`: records in full, as a device sends them and as people look at them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import grpc
import typer
from google.protobuf.json_format import ParseDict, ParseError

from tuoqi.cli.failures import explain
from tuoqi.cli.options import AsJson, By, Limit, Purpose
from tuoqi.cli.output import emit, plain, say, show_pairs, show_rows, shown
from tuoqi.cli.paging import pages
from tuoqi.cli.platform import Platform, call
from tuoqi.cli.whom import person_id_of
from tuoqi.contracts.visits.v1 import record_service_pb2 as pb
from tuoqi.contracts.visits.v1.record_service_pb2_grpc import RecordServiceStub
from tuoqi.kit.errors import TuoqiError, register_errors

register_errors(
    {
        "cli.bad_record": ("INVALID_ARGUMENT", "第 {line} 行不是一条记录：{why}"),
        "cli.no_attachment": ("NOT_FOUND", "附件文件夹里没有 {name}。"),
    }
)
app = typer.Typer()
attachment = typer.Typer(help="Photos and signatures of visits 附件.")
app.add_typer(attachment, name="attachment", no_args_is_help=True)

BATCH: Final = 200
PIECE: Final = 256 * 1024
UPLOAD_S_MAX: Final = 600.0
MEDIA: Final = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp", ".pdf": "application/pdf",
}  # fmt: skip
STATES: Final = {"TAKEN": "已收录", "HERE": "此前已收录", "REFUSED": "未收录"}
RecordId = Annotated[str, typer.Argument(metavar="ID", help="The record, as `visits records` shows it.")]
AttachmentId = Annotated[str, typer.Argument(metavar="ID", help="The attachment, as `visits record` shows it.")]


@attachment.callback()
def attachments() -> None:
    """Photos and signatures of visits 附件."""


@dataclass
class _Device:
    """What a device has to send: records in their order, and the files that they name."""

    records: list[pb.VisitForm] = field(default_factory=list)
    files: list[tuple[pb.AttachmentHead, Path]] = field(default_factory=list)


@app.command(epilog="Example: tuoqi visits upload day.jsonl --attachments photos --by worker.tian")
def upload(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", exists=True, dir_okay=False)],
    folder: Annotated[Path | None, typer.Option("--attachments", metavar="DIR", exists=True, file_okay=False)] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Send what a device collected 上传: a record a line; sent again it changes nothing. Exit 1 where any is refused.

    Each line is a record of RecordService in JSON, started_at in RFC 3339. An attachment may name its "file" in DIR
    instead of a sha256.
    """
    device = _read(file, folder)

    async def act(platform: Platform) -> tuple[list[pb.RecordAnswer], list[tuple[str, str]]]:
        stub: Any = platform.stub(RecordServiceStub, "visits")
        answers = await _send(stub, device.records)
        again = [one.visit_id for one in answers.values() if one.send_again]
        if again:
            # What they correct may have come in this very upload, behind them.
            answers |= await _send(stub, [one for one in device.records if one.visit_id in again])
        return list(answers.values()), [(path.name, await _put(stub, head, path)) for head, path in device.files]

    answers, sent = call(act, by)
    refused = [one for one in answers if one.state == "REFUSED"]
    faults = [(name, fault) for name, fault in sent if fault]
    if as_json:
        for one in answers:
            emit(plain(one))
        for name, fault in sent:
            emit({"attachment": name, "fault": fault})
    else:
        show_rows(
            ("记录编号", "结果", "字段", "原因"),
            [(one.visit_id, STATES[one.state], one.field, one.reason or _doubt(one)) for one in answers],
        )
        for name, fault in sent:
            say(f"{name}：{fault or '已上传'}")
        taken = sum(one.state == "TAKEN" for one in answers)
        say(f"收录 {taken}，此前已收录 {len(answers) - taken - len(refused)}，未收录 {len(refused)}；附件 {len(sent)}")
    if refused or faults:
        raise typer.Exit(1)


@app.command(epilog="Example: tuoqi visits records --person PERSON --by clerk.li")
def records(
    person: Annotated[str, typer.Option("--person", metavar="PERSON", help="A person id, number or temporary id.")],
    limit: Limit = 100,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """List a person's visit records, the newest first: which of them count, and why the others do not."""

    async def ask(platform: Platform) -> list[pb.RecordSummary]:
        person_id = await person_id_of(platform, person)
        stub: Any = platform.stub(RecordServiceStub, "visits")

        async def page(size: int, token: str) -> tuple[list[pb.RecordSummary], str]:
            request = pb.ListRecordsRequest(person_id=person_id, page_size=size, page_token=token)
            answer: pb.ListRecordsResponse = await stub.ListRecords(request)
            return list(answer.records), answer.next_page_token

        return await pages(page, limit)

    found = call(ask, by)
    if as_json:
        for one in found:
            emit(plain(one))
        return
    show_rows(("计入", "日期", "方式", "结果", "等级", "到达", "上传", "记录编号"), [_line(one) for one in found])


@app.command(epilog="Example: tuoqi visits record ID --reveal --by worker.tian --purpose 核对记录")
def record(
    visit_id: RecordId,
    reveal: Annotated[bool, typer.Option("--reveal", help="Also what is sealed; needs --purpose.")] = False,
    by: By = "",
    purpose: Purpose = "",
    as_json: AsJson = False,
) -> None:
    """Show one record with its corrections and attachments; with --reveal visitor, note, checklist and place too."""

    async def ask(platform: Platform) -> tuple[pb.GetRecordResponse, pb.RevealRecordResponse | None]:
        stub: Any = platform.stub(RecordServiceStub, "visits")
        answer: pb.GetRecordResponse = await stub.GetRecord(pb.GetRecordRequest(visit_id=visit_id))
        return answer, await stub.RevealRecord(pb.RevealRecordRequest(visit_id=visit_id)) if reveal else None

    found, private = call(ask, by, purpose)
    if as_json:
        emit(plain(found) | ({"private": plain(private)} if private is not None else {}))
        return
    one = found.record
    show_pairs(
        {
            "记录编号": one.visit_id,
            "人员编号": one.person_id,
            "开始": shown(one.started_at),
            "结束": shown(one.ended_at),
            "到达": f"{shown(one.arrived_at)}{_clock(one)}",
            "计入": "是" if one.counts else f"否（{one.not_counted_reason}）",
            "方式": one.channel,
            "结果": one.result,
            "发现": "、".join(one.findings),
            "服务": "、".join(f"{kind}×{count}" for kind, count in sorted(one.services.items())),
            "等级": one.grade,
            "上传": one.uploaded_by,
        }
    )
    if private is not None:
        show_pairs({"探访人": private.visitor, "备注": private.note})
        if private.HasField("place"):
            show_pairs({"大致位置": f"{private.place.latitude}, {private.place.longitude}"})
        show_rows(("项目", "内容", "情况"), [(check.head, check.name, check.word) for check in private.checklist])
    if len(found.chain) > 1:
        say("更正：")
        show_rows(
            ("计入", "日期", "方式", "结果", "等级", "到达", "上传", "记录编号"), [_line(row) for row in found.chain]
        )
    if found.attachments:
        rows = [
            (row.kind, row.media_type, row.size, row.state, row.consent_by, row.attachment_id)
            for row in found.attachments
        ]
        show_rows(("附件", "类型", "字节", "状态", "同意", "附件编号"), rows, right=("字节",))


@attachment.command(
    "get", epilog="Example: tuoqi visits attachment get ID --out photo.jpg --by worker.tian --purpose 核对"
)
def get_attachment(
    attachment_id: AttachmentId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Written with mode 0600.")],
    by: By = "",
    purpose: Purpose = "",
) -> None:
    """Fetch one back, opened. It is audited."""

    async def ask(platform: Platform) -> bytes:
        stub: Any = platform.stub(RecordServiceStub, "visits")
        request = pb.GetAttachmentRequest(attachment_id=attachment_id)
        return b"".join([answer.chunk async for answer in stub.GetAttachment(request)])

    content = call(ask, by, purpose)
    out.touch(mode=0o600)
    out.write_bytes(content)
    say(f"{len(content)} 字节")


@attachment.command(
    "delete", epilog="Example: tuoqi visits attachment delete ID --reason 家属撤回同意 --by reviewer.zhao"
)
def delete_attachment(
    attachment_id: AttachmentId,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it goes.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Erase one for good; a line about it stays."""

    async def act(platform: Platform) -> pb.DeleteAttachmentResponse:
        stub: Any = platform.stub(RecordServiceStub, "visits")
        request = pb.DeleteAttachmentRequest(attachment_id=attachment_id, reason=reason)
        answer: pb.DeleteAttachmentResponse = await stub.DeleteAttachment(request)
        return answer

    answer = call(act, by)
    if as_json:
        emit(plain(answer.attachment))
    else:
        say("已删除。")


def _read(file: Path, folder: Path | None) -> _Device:
    device = _Device()
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                content = json.loads(line)
                files = list(_files(content, folder))
                form = ParseDict(content, pb.VisitForm())
            except (json.JSONDecodeError, ParseError, AttributeError, TypeError) as fault:
                raise TuoqiError("cli.bad_record", line=number, why=str(fault)[:200]) from None
            device.records.append(form)
            heads = {ref.sha256: ref for ref in form.attachments}
            device.files += [(_head(form, heads[digest], path), path) for digest, path in files]
    return device


def _files(content: dict[str, Any], folder: Path | None) -> Iterator[tuple[str, Path]]:
    """Files that attachments name; their hashes are put in the names' place."""
    for ref in content.get("attachments", ()):
        name = ref.pop("file", "")
        if not name:
            continue
        path = (folder or Path()) / Path(name).name
        if not path.is_file():
            raise TuoqiError("cli.no_attachment", name=name)
        ref["sha256"] = sha256(path.read_bytes()).hexdigest()
        yield ref["sha256"], path


def _head(form: pb.VisitForm, ref: pb.AttachmentRef, path: Path) -> pb.AttachmentHead:
    head = pb.AttachmentHead(
        visit_id=form.visit_id,
        person_id=form.person_id,
        kind=ref.kind,
        media_type=MEDIA.get(path.suffix.lower(), path.suffix),
        sha256=ref.sha256,
        size=path.stat().st_size,
        consent_by=ref.consent_by,
    )
    if ref.HasField("consented_at"):
        head.consented_at.CopyFrom(ref.consented_at)
    return head


async def _send(stub: Any, records: Iterable[pb.VisitForm]) -> dict[str, pb.RecordAnswer]:
    answers: dict[str, pb.RecordAnswer] = {}

    async def batches() -> AsyncIterator[pb.UploadRecordsRequest]:
        rest = iter(records)
        while batch := list(islice(rest, BATCH)):
            yield pb.UploadRecordsRequest(records=batch)

    async for response in stub.UploadRecords(batches(), timeout=UPLOAD_S_MAX):
        answers |= {one.visit_id: one for one in response.answers}
    return answers


async def _put(stub: Any, head: pb.AttachmentHead, path: Path) -> str:
    """Empty where it is there now, else why it is not: one that fails holds up no other."""

    async def parts() -> AsyncIterator[pb.PutAttachmentRequest]:
        yield pb.PutAttachmentRequest(head=head)
        with path.open("rb") as content:
            while piece := content.read(PIECE):
                yield pb.PutAttachmentRequest(chunk=piece)

    try:
        await stub.PutAttachment(parts(), timeout=UPLOAD_S_MAX)
    except grpc.RpcError as error:
        sentence, slug = explain(error)
        return f"{sentence} [{slug}]"
    return ""


def _doubt(one: pb.RecordAnswer) -> str:
    return "设备时钟可能不准" if one.clock_doubted else ""


def _clock(one: pb.RecordSummary) -> str:
    return "（设备时钟偏快）" if one.clock_ahead else "（设备时钟可疑）" if one.clock_behind else ""


def _line(one: pb.RecordSummary) -> tuple[object, ...]:
    counts = "是" if one.counts else f"否：{one.not_counted_reason}"
    arrived = f"{shown(one.arrived_at)}{_clock(one)}"
    return counts, one.counts_on, one.channel, one.result, one.grade, arrived, one.uploaded_by, one.visit_id
