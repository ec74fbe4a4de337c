"""Batches of instructions as files for a bank: signed, repeatable byte for byte, taken by rights alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from tuoqi.contracts.payments.v1 import bank_service_pb2 as pb
from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.signing import is_signed
from tuoqi.payments.domain.banks import BankFormats
from tuoqi.payments.jobs.bank import canonical
from tuoqi.payments.rpc.bank import BankServicer

pytestmark = pytest.mark.postgres

Office = Any


async def _export(office: Office, format_: str = "plain_csv", no: int = 0, cycle: str = "2024-01") -> tuple[Any, Any]:
    """The manifest, and each file's bytes or rows."""
    files: dict[str, Any] = {}
    manifest = {}
    with office.by("finance.qian", "一月代发"):
        request = pb.ExportBankFilesRequest(cycle=cycle, format=format_, export_no=no)
        async for piece in BankServicer(office.tools).ExportBankFiles(request, None):
            if piece.manifest:
                manifest = json.loads(piece.manifest)
            elif piece.rows:
                files.setdefault(piece.file, []).extend(list(row.cells) for row in piece.rows)
            else:
                files[piece.file] = files.get(piece.file, b"") + piece.data
    return manifest, files


async def _paid(office: Office) -> None:
    for number in (1, 2, 3):
        await office.on_dibao(number, 100 * number, account=f"6299990000{number:04d}")
    office.go_to("2024-01-20")
    await office.pay("2024-01")


async def test_a_batch_is_signed_and_the_same_bytes_whenever_it_is_asked_for(office: Office) -> None:
    await _paid(office)
    manifest, files = await _export(office, "ccb_fixed")
    (name,) = files
    assert (manifest["instructions"], manifest["amount_fen"]) == (3, 60_000)
    assert hashlib.sha256(files[name]).hexdigest() == manifest["files"][0]["sha256"]
    assert is_signed(manifest["public_key"], canonical(manifest), manifest["signature"])
    lines = files[name].decode("gb18030").split("\r\n")
    assert (lines[0][:1], lines[0][-24:], lines[-2]) == ("1", f"{3:08d}{60_000:016d}", f"9{3:08d}{60_000:016d}")
    office.go_to("2024-03-01")
    for instruction in (await office.fetch("SELECT instruction_id AS id FROM instructions"))[:1]:
        await office.results((instruction.id, "RETURNED", "", ""))
    assert await _export(office, "ccb_fixed") == (manifest, files)
    assert await _export(office, "ccb_fixed", no=1) == (manifest, files)


async def test_only_what_no_file_carries_yet_goes_into_the_next_batch(office: Office) -> None:
    await _paid(office)
    await _export(office)
    (row,) = await office.fetch("SELECT instruction_id AS id FROM instructions WHERE amount_fen = 10000")
    await office.results((row.id, "RETURNED", "", ""))
    office.registry.accounts_of["00000000-0000-4000-8000-000000000001"] = ("version-9", "9")
    with office.by("finance.qian"):
        await BankServicer(office.tools).ReissueReturned(pb.ReissueReturnedRequest(cycle="2024-01"), None)
    manifest, files = await _export(office, "postal_xlsx")
    assert (manifest["export_no"], manifest["instructions"]) == (2, 1)
    assert files["2024-01-b2-postal_xlsx-001.xlsx"][1][-1] == f"{row.id}-R2"
    with pytest.raises(TuoqiError) as refused:
        await _export(office, "postal_xlsx", no=1)
    assert refused.value.slug == "payments.export_other_format"


async def test_a_batch_that_its_template_cannot_hold_is_taken_back_and_written_in_another(office: Office) -> None:
    await office.on_dibao(1, 400, account="6" * 40)
    office.go_to("2024-01-20")
    await office.pay("2024-01")
    with pytest.raises(TuoqiError) as refused:
        await _export(office, "ccb_fixed")
    assert refused.value.slug == "payments.bank_field_too_long"
    manifest, _ = await _export(office, "rural_csv")
    assert (manifest["export_no"], manifest["instructions"]) == (1, 1)


async def test_a_template_that_was_changed_meanwhile_does_not_pass_for_the_same_batch(office: Office) -> None:
    await _paid(office)
    await _export(office)
    (first, *rest) = office.tools.banks.formats
    changed = BankFormats((replace(first, delimiter=";"), *rest))
    office.tools = replace(office.tools, banks=changed)
    with pytest.raises(TuoqiError) as refused:
        await _export(office)
    assert refused.value.slug == "payments.export_changed"


async def test_there_is_nothing_to_export_before_the_cycle_is_instructed(office: Office) -> None:
    await office.on_dibao(1, 400, account="A")
    office.go_to("2024-01-20")
    await office.open("2024-01")
    for format_, slug in (("plain_csv", "payments.export_nothing"), ("pdf", "payments.bank_format_unknown")):
        with pytest.raises(TuoqiError) as refused:
            await _export(office, format_)
        assert refused.value.slug == slug


async def _reply(*requests: pb.ConvertBankReplyRequest) -> AsyncIterator[pb.ConvertBankReplyRequest]:
    for request in requests:
        yield request


async def test_a_reply_in_the_banks_own_format_becomes_results(office: Office) -> None:
    text = "H|2\r\n2024-01-aa|50.00|00|20240128|\r\n2024-01-bb|10.00|99||户名不符\r\n".encode("gb18030")
    servicer = BankServicer(office.tools)
    with office.by("finance.qian"):
        requests = (pb.ConvertBankReplyRequest(format="rural_csv"), pb.ConvertBankReplyRequest(data=text))
        answer = await servicer.ConvertBankReply(_reply(*requests), None)
        rows = [
            pb.SheetRow(cells=cells)
            for cells in (["业务编号", "金额", "结果", "入账日期", "备注"], ["a", "1", "已入账", "2024-01-28", ""])
        ]
        sheet = await servicer.ConvertBankReply(
            _reply(pb.ConvertBankReplyRequest(format="postal_xlsx"), pb.ConvertBankReplyRequest(rows=rows)), None
        )
        with pytest.raises(TuoqiError) as refused:
            await servicer.ConvertBankReply(_reply(requests[0], pb.ConvertBankReplyRequest(data=b"H|3\r\n")), None)
    assert [(one.instruction_id, one.result, one.settled_on, one.amount) for one in answer.results] == [
        ("2024-01-aa", "SUCCESS", "2024-01-28", "50.00"),
        ("2024-01-bb", "RETURNED", "", "10.00"),
    ]
    assert [(one.instruction_id, one.result, one.amount) for one in sheet.results] == [("a", "SUCCESS", "1.00")]
    assert refused.value.slug == "payments.bank_reply_sums"
