"""The county's bank templates (`banks.yaml`), read and checked: every fault names file, place and reason."""

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tuoqi.payments.domain.policy_fields import Node, PolicyError

BANKS_FILE = "banks.yaml"
KINDS = ("csv", "fixed_width", "xlsx")
ENCODINGS = ("utf-8", "utf-8-sig", "gb18030")
FIXED_ENCODINGS = ("utf-8", "gb18030")
OUT = ("batch", "instruction_id", "account_name", "account_no", "bank", "amount", "memo", "nth", "const")
TOTALS = ("batch", "count", "sum", "bank_code", "const")
IN = ("instruction_id", "result", "return_reason", "settled_on", "amount", "skip")
IN_TOTALS = ("count", "sum", "skip")
_KEY = re.compile(r"[a-z][a-z0-9_]*")
_ENDINGS = {"csv": "csv", "fixed_width": "txt", "xlsx": "xlsx"}
ROWS_MAX = 50_000
"""Rows of one file, at most: it is made in memory."""


@dataclass(frozen=True, slots=True)
class Field:
    """One column: its name in the file, where its value comes from, and its place in a fixed-width record."""

    name: str
    source: str
    const: str = ""
    width: int = 0
    pad: str = " "
    right: bool = False
    """Padded on the left, the value at the right edge."""
    unit: str = "yuan"
    """Of amounts: yuan with two decimals, or fen."""


@dataclass(frozen=True, slots=True)
class Reply:
    """How a bank's reply 回盘 is read; `results` are the bank's words for SUCCESS and RETURNED."""

    kind: str
    encoding: str
    delimiter: str
    headings: bool
    record: tuple[Field, ...]
    header: tuple[Field, ...]
    trailer: tuple[Field, ...]
    results: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BankFormat:
    """One template; `banks` are (code, beginnings of bank names), `other` takes what none of them does."""

    key: str
    name: str
    kind: str
    encoding: str
    delimiter: str
    headings: bool
    rows_per_file: int
    record: tuple[Field, ...]
    header: tuple[Field, ...]
    trailer: tuple[Field, ...]
    banks: tuple[tuple[str, tuple[str, ...]], ...]
    other: str
    reply: Reply | None

    @property
    def ending(self) -> str:
        """The ending of its files' names."""
        return _ENDINGS[self.kind]


@dataclass(frozen=True, slots=True)
class BankFormats:
    """All templates of a county, in the file's order."""

    formats: tuple[BankFormat, ...] = field(default=())

    def find(self, key: str) -> BankFormat | None:
        """The template with a key."""
        return next((one for one in self.formats if one.key == key), None)

    @property
    def keys(self) -> tuple[str, ...]:
        """Their keys."""
        return tuple(one.key for one in self.formats)


def parse_banks(files: Mapping[str, object], county: str) -> BankFormats:
    """Reads `banks.yaml`; PolicyError names file, place and reason. A county without the file has no templates."""
    if BANKS_FILE not in files:
        return BankFormats()
    node = Node.of_file(files, BANKS_FILE)
    node.only("county", "formats")
    if node.text("county") != county:
        raise PolicyError(node.path("county"), f"应与其他文件的县代码 {county} 相同")
    formats = tuple(_format(row) for row in node.rows("formats"))
    for position, one in enumerate(formats):
        if one.key in [before.key for before in formats[:position]]:
            raise PolicyError(f"{node.path('formats')}[{position}].key", f"{one.key} 重复")
    return BankFormats(formats)


def _format(node: Node) -> BankFormat:
    node.only(
        "key", "name", "kind", "encoding", "delimiter", "headings", "rows_per_file", "columns", "header", "trailer",
        "banks", "other_banks", "reply",
    )  # fmt: skip
    kind = node.choice("kind", KINDS)
    encoding = _encoding(node)
    record = _fields(node, "columns", OUT, kind, encoding)
    if not {"instruction_id", "account_no", "amount"} <= {one.source for one in record}:
        raise PolicyError(node.path("columns"), "必须有指令号、账号和金额（instruction_id、account_no、amount）")
    banks = tuple(_bank(row) for row in node.rows("banks")) if "banks" in node.content else ()
    if banks and "other_banks" not in node.content:
        raise PolicyError(node.path("other_banks"), "按银行拆分时须写明其余银行的代码")
    return BankFormat(
        key=node.text("key", _KEY, "小写英文字母、数字和下划线"),
        name=node.text("name"),
        kind=kind,
        encoding=encoding,
        delimiter=_delimiter(node),
        headings=node.flag("headings"),
        rows_per_file=node.number("rows_per_file", 1, ROWS_MAX),
        record=record,
        header=_fields(node, "header", TOTALS, kind, encoding, empty=True),
        trailer=_fields(node, "trailer", TOTALS, kind, encoding, empty=True),
        banks=banks,
        other=node.text("other_banks", _KEY, "小写英文字母、数字和下划线") if banks else "",
        reply=_reply(node) if "reply" in node.content else None,
    )


def _bank(node: Node) -> tuple[str, tuple[str, ...]]:
    node.only("code", "names")
    names = node.content.get("names")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise PolicyError(node.path("names"), "应为银行名称开头的列表")
    return node.text("code", _KEY, "小写英文字母、数字和下划线"), tuple(names)


def _reply(parent: Node) -> Reply:
    content = parent.content["reply"]
    if not isinstance(content, Mapping):
        raise PolicyError(parent.path("reply"), "应为若干“字段: 值”")
    node = Node(parent.file, f"{parent.place}reply.", content)
    node.only("kind", "encoding", "delimiter", "headings", "columns", "header", "trailer", "results")
    kind = node.choice("kind", KINDS)
    encoding = _encoding(node)
    record = _fields(node, "columns", IN, kind, encoding)
    if not {"instruction_id", "result"} <= {one.source for one in record}:
        raise PolicyError(node.path("columns"), "必须有指令号和结果（instruction_id、result）")
    words = node.content.get("results")
    if not isinstance(words, Mapping) or not {"SUCCESS", "RETURNED"} <= set(words.values()):
        raise PolicyError(node.path("results"), "须写明银行的哪些字样是 SUCCESS、哪些是 RETURNED")
    if not all(isinstance(word, str) for word in words) or not set(words.values()) <= {"SUCCESS", "RETURNED"}:
        raise PolicyError(node.path("results"), "左边是银行的字样（加引号），右边只能是 SUCCESS 或 RETURNED")
    return Reply(
        kind=kind,
        encoding=encoding,
        delimiter=_delimiter(node),
        headings=node.flag("headings"),
        record=record,
        header=_fields(node, "header", IN_TOTALS, kind, encoding, empty=True),
        trailer=_fields(node, "trailer", IN_TOTALS, kind, encoding, empty=True),
        results={str(word): str(result) for word, result in words.items()},
    )


def _encoding(node: Node) -> str:
    kind = node.choice("kind", KINDS)
    default, allowed = ("gb18030", FIXED_ENCODINGS) if kind == "fixed_width" else ("utf-8-sig", ENCODINGS)
    return codecs.lookup(node.choice("encoding", allowed)).name if "encoding" in node.content else default


def _delimiter(node: Node) -> str:
    value = node.content.get("delimiter", ",")
    if not isinstance(value, str) or len(value) != 1:
        raise PolicyError(node.path("delimiter"), f"应为一个字符，现为 {value!r}")
    return value


def _fields(
    node: Node, name: str, sources: Sequence[str], kind: str, encoding: str, *, empty: bool = False
) -> tuple[Field, ...]:
    if empty and name not in node.content:
        return ()
    return tuple(_field(row, tuple(sources), kind, encoding) for row in node.rows(name))


def _field(node: Node, sources: tuple[str, ...], kind: str, encoding: str) -> Field:
    node.only("name", "from", "const", "width", "pad", "align", "unit")
    source = node.choice("from", sources)
    pad = node.content.get("pad", " ")
    width = node.number("width", 1, 500) if kind == "fixed_width" else 0
    if not isinstance(pad, str) or len(pad.encode(encoding.replace("-sig", ""))) != 1:
        raise PolicyError(node.path("pad"), f"应为一个单字节字符，现为 {pad!r}")
    const = node.text("const") if source == "const" else ""
    if kind == "fixed_width" and len(const.encode(encoding)) > width:
        raise PolicyError(node.path("const"), f"超过宽度 {width}")
    return Field(
        name=node.text("name"),
        source=source,
        const=const,
        width=width,
        pad=pad,
        right=node.choice("align", ("left", "right")) == "right" if "align" in node.content else False,
        unit=node.choice("unit", ("yuan", "fen")) if "unit" in node.content else "yuan",
    )
