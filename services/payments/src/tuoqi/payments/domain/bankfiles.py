"""A bank's own file formats as templates 银行格式模板: how instructions are written, how replies are read. Pure.

A template says of each column where its value comes from; nothing about a bank stands in code. Widths of a fixed-width
file are bytes in the file's own character set, as banks count them: a Chinese character takes two in GB18030.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from tuoqi.payments.domain.banks import BankFormat, Field, Reply
from tuoqi.payments.domain.errors import PaymentsError

Values = Mapping[str, str | int]
"""An instruction as templates see it: batch, instruction_id, account_name, account_no, bank, amount (fen), memo, nth."""


class BankFileError(PaymentsError):
    """A file cannot be written by a template, or a reply does not fit it."""


def fen_of(text: str, unit: str) -> int:
    """An amount of a reply in fen. ValueError where it is none."""
    plain = text.strip().replace(",", "")
    if unit == "fen":
        return int(plain)
    try:
        fen = Decimal(plain) * 100
    except InvalidOperation:
        raise ValueError(text) from None
    if fen != fen.to_integral_value():
        raise ValueError(text)
    return int(fen)


def yuan(fen: int) -> str:
    """Fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def _amount(fen: int, unit: str) -> str:
    return str(fen) if unit == "fen" else yuan(fen)


def cells(fields: Sequence[Field], values: Values) -> list[str]:
    """The cells of one record: constants as they stand, amounts in the field's unit."""
    return [_cell(field, values) for field in fields]


def _cell(field: Field, values: Values) -> str:
    if field.source == "const":
        return field.const
    value = values[field.source]
    if field.source in {"amount", "sum"}:
        return _amount(int(value), field.unit)
    return str(value)


def fixed(field: Field, cell: str, encoding: str) -> bytes:
    """A cell in its width. Raises payments.bank_field_too_long: cutting a name or a number would pay somebody else."""
    try:
        raw = cell.encode(encoding)
    except UnicodeEncodeError:
        raise BankFileError("payments.bank_character", field=field.name, encoding=encoding) from None
    if len(raw) > field.width:
        raise BankFileError("payments.bank_field_too_long", field=field.name, width=field.width)
    pad = field.pad.encode(encoding) * (field.width - len(raw))
    return pad + raw if field.right else raw + pad


@dataclass(slots=True)
class Part:
    """One file on its way: records so far, and what they come to."""

    code: str
    nth: int
    records: list[list[str]]
    amount_fen: int = 0


def file_name(format_: BankFormat, cycle: str, export_no: int, part: Part) -> str:
    """The file's name: cycle, batch, template, bank, part; letters and digits only, so that no system stumbles."""
    middle = f"-{part.code}" if part.code else ""
    return f"{cycle}-b{export_no}-{format_.key}{middle}-{part.nth:03d}.{format_.ending}"


def bank_code(format_: BankFormat, bank: str) -> str:
    """The bank whose file takes an account, by the beginning of its name; empty where the template does not split."""
    for code, beginnings in format_.banks:
        if bank.startswith(beginnings):
            return code
    return format_.other


class Splitter:
    """Puts records into files: by bank where the template says so, each file up to its most rows.

    In memory is at most one open file a bank.
    """

    def __init__(self, format_: BankFormat) -> None:
        self._format = format_
        self._open: dict[str, Part] = {}
        self._counts: dict[str, int] = {}

    def add(self, values: Values) -> Part | None:
        """Take an instruction; the file that is full by it."""
        code = bank_code(self._format, str(values["bank"]))
        part = self._open.get(code)
        if part is None:
            nth = self._counts[code] = self._counts.get(code, 0) + 1
            part = self._open[code] = Part(code, nth, [])
        part.records.append(cells(self._format.record, {**values, "nth": len(part.records) + 1}))
        part.amount_fen += int(values["amount"])
        return self._open.pop(code) if len(part.records) == self._format.rows_per_file else None

    def rest(self) -> list[Part]:
        """The files that are not full, by bank."""
        return [self._open[code] for code in sorted(self._open)]


def table(format_: BankFormat, part: Part, totals: Values) -> list[list[str]]:
    """A file as rows of cells: headings where the template wants them, header record, records, trailer record."""
    rows = [[field.name for field in format_.record]] if format_.headings else []
    if format_.header:
        rows.append(cells(format_.header, totals))
    rows += part.records
    if format_.trailer:
        rows.append(cells(format_.trailer, totals))
    return rows


def totals_of(part: Part, cycle: str, export_no: int) -> Values:
    """What header and trailer may say of a file."""
    return {
        "batch": f"{cycle}-b{export_no}",
        "count": len(part.records),
        "sum": part.amount_fen,
        "bank_code": part.code,
    }


def render(format_: BankFormat, part: Part, totals: Values) -> bytes:
    """A text file by its template. Raises payments.bank_field_too_long, payments.bank_character."""
    if format_.kind == "fixed_width":
        lines = [_line(format_, format_.header, cells(format_.header, totals))] if format_.header else []
        lines += [_line(format_, format_.record, record) for record in part.records]
        if format_.trailer:
            lines.append(_line(format_, format_.trailer, cells(format_.trailer, totals)))
        return b"".join(lines)
    out = io.StringIO()
    csv.writer(out, delimiter=format_.delimiter, lineterminator="\r\n").writerows(table(format_, part, totals))
    try:
        return out.getvalue().encode(format_.encoding)
    except UnicodeEncodeError:
        raise BankFileError("payments.bank_character", field="正文", encoding=format_.encoding) from None


def _line(format_: BankFormat, fields: Sequence[Field], record: Sequence[str]) -> bytes:
    row = b"".join(fixed(field, cell, format_.encoding) for field, cell in zip(fields, record, strict=True))
    return row + b"\r\n"


def sheet_hash(rows: Iterable[Sequence[str]]) -> str:
    """The hash of a spreadsheet's content, whatever program packs it: SHA-256 over its cells."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(list(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


# ---- Replies -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Answer:
    """One row of a reply as `bank_results` wants it; empty where the reply says nothing."""

    instruction_id: str
    result: str
    return_reason: str
    settled_on: str
    amount: str


def read_reply(reply: Reply, data: bytes, rows: Sequence[Sequence[str]]) -> list[Answer]:
    """A bank's reply by its template: bytes of a text file, or the rows of a spreadsheet.

    Raises payments.bank_reply_unreadable which names row and reason, and payments.bank_reply_sums where the count or the
    sum of its own header or trailer does not fit.
    """
    if reply.kind == "fixed_width":
        records = list(_fixed_records(reply, data))
    else:
        table_rows = rows if reply.kind == "xlsx" else _csv_rows(reply, data)
        records = list(_table_records(reply, table_rows))
    body = [record for record in records if record["row"] not in {"header", "trailer"}]
    answers = [_answer(reply, record) for record in body]
    for record in records:
        if record["row"] in {"header", "trailer"}:
            _check_sums(reply, record, body)
    return answers


def _csv_rows(reply: Reply, data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig" if reply.encoding == "utf-8" else reply.encoding)
    except UnicodeDecodeError:
        raise BankFileError("payments.bank_reply_unreadable", row=0, reason=f"不是 {reply.encoding} 编码") from None
    return list(csv.reader(io.StringIO(text), delimiter=reply.delimiter))


def _table_records(reply: Reply, rows: Sequence[Sequence[str]]) -> Iterator[dict[str, str]]:
    """Records of a table: columns by their headings, or by their place where the reply has no headings."""
    filled = [(number, row) for number, row in enumerate(rows, start=1) if any(cell.strip() for cell in row)]
    fields, places = reply.record, list(range(len(reply.record)))
    if reply.headings:
        if not filled:
            raise BankFileError("payments.bank_reply_unreadable", row=1, reason="没有表头")
        heading = [cell.strip() for cell in filled[0][1]]
        missing = [field.name for field in fields if field.name not in heading]
        if missing:
            raise BankFileError(
                "payments.bank_reply_unreadable", row=filled[0][0], reason=f"缺少列 {'、'.join(missing)}"
            )
        places = [heading.index(field.name) for field in fields]
        filled = filled[1:]
    for position, (number, row) in enumerate(filled):
        special = _special(reply, position, len(filled))
        if special:
            yield _of_cells(special, reply.header if special == "header" else reply.trailer, row, range(len(row)))
        elif max(places) >= len(row):
            raise BankFileError("payments.bank_reply_unreadable", row=number, reason="列数不够")
        else:
            yield _of_cells(str(number), fields, row, places)


def _special(reply: Reply, position: int, count: int) -> str:
    if reply.header and position == 0:
        return "header"
    return "trailer" if reply.trailer and position == count - 1 else ""


def _of_cells(row: str, fields: Sequence[Field], values: Sequence[str], places: Iterable[int]) -> dict[str, str]:
    record = {field.source: values[place].strip() for field, place in zip(fields, places, strict=False)}
    return {**record, "row": row}


def _fixed_records(reply: Reply, data: bytes) -> Iterator[dict[str, str]]:
    lines = [(number, line) for number, line in enumerate(data.splitlines(), start=1) if line.strip()]
    for position, (number, line) in enumerate(lines):
        special = _special(reply, position, len(lines))
        fields = {"header": reply.header, "trailer": reply.trailer}.get(special, reply.record)
        if len(line) != sum(field.width for field in fields):
            raise BankFileError(
                "payments.bank_reply_unreadable", row=number, reason=f"长度应为 {sum(f.width for f in fields)} 字节"
            )
        record, begin = {"row": special or str(number)}, 0
        for field in fields:
            try:
                cell = line[begin : begin + field.width].decode(reply.encoding)
            except UnicodeDecodeError:
                raise BankFileError(
                    "payments.bank_reply_unreadable", row=number, reason=f"“{field.name}”不是 {reply.encoding} 编码"
                ) from None
            begin += field.width
            if field.source not in {"const", "skip"}:
                stripped = cell.lstrip(field.pad) if field.right else cell.rstrip(field.pad)
                record[field.source] = stripped.strip() or ("0" if field.pad == "0" and field.right else "")
        yield record


def _answer(reply: Reply, record: Mapping[str, str]) -> Answer:
    row = record["row"]
    word = record.get("result", "")
    result = reply.results.get(word)
    if result is None:
        allowed = "、".join(reply.results)
        raise BankFileError("payments.bank_reply_unreadable", row=row, reason=f"结果“{word}”不在模板中（{allowed}）")
    day = record.get("settled_on", "").replace("/", "-")
    if len(day) == 8 and day.isdecimal():  # noqa: PLR2004 -- YYYYMMDD
        day = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    try:
        amount = yuan(fen_of(record["amount"], _unit(reply))) if record.get("amount") else ""
    except ValueError:
        raise BankFileError("payments.bank_reply_unreadable", row=row, reason="金额不是数字") from None
    return Answer(
        instruction_id=record.get("instruction_id", ""),
        result=result,
        return_reason=record.get("return_reason", ""),
        settled_on="" if result == "RETURNED" and not day.strip("0") else day,
        amount=amount,
    )


def _unit(reply: Reply) -> str:
    return next((field.unit for field in reply.record if field.source == "amount"), "yuan")


def _check_sums(reply: Reply, record: Mapping[str, str], body: Sequence[Mapping[str, str]]) -> None:
    """The count and the sum that the reply itself names."""
    fields = {field.source: field for field in (reply.header if record["row"] == "header" else reply.trailer)}
    try:
        if "count" in record and int(record["count"]) != len(body):
            raise BankFileError("payments.bank_reply_sums", what="笔数", said=record["count"], found=len(body))
        if "sum" in record:
            found = sum(fen_of(one["amount"], _unit(reply)) for one in body if one.get("amount"))
            if fen_of(record["sum"], fields["sum"].unit) != found:
                raise BankFileError("payments.bank_reply_sums", what="金额", said=record["sum"], found=yuan(found))
    except ValueError:
        raise BankFileError("payments.bank_reply_unreadable", row=record["row"], reason="笔数或金额不是数字") from None
