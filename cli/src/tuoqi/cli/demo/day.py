"""A clerk's day on the demonstration county: the real commands one after another, and what the services did upon each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tuoqi.cli.county.identity import make_id_number
from tuoqi.cli.demo.desk import CLERK, PURPOSE, Say, Terminal
from tuoqi.cli.files.reading import open_table
from tuoqi.cli.files.writing import writing
from tuoqi.cli.local.home import Home

COUNTY, VILLAGE = "990101", "990101101201"
HOME, CENTRE = "JLY02", "JLY01"
BY: Final = ("--by", CLERK)
FOR: Final = (*BY, "--purpose", PURPOSE)
COLUMNS: Final = (
    "姓名[name]", "证件号码[id_number]", "临时编号[temp_id]", "性别[sex]", "出生日期[birth_date]",
    "户籍区划[hukou_region]", "居住区划[residence_region]", "户编号[household_no]", "与户主关系[relation_to_head]",
)  # fmt: skip
STATUS_COLUMNS: Final = (
    "证件号码[id_number]", "临时编号[temp_id]", "类别[category]", "子类[subtype]", "等级[level]",
    "认定日期[decided_on]", "有效期至[valid_until]",
)  # fmt: skip


@dataclass
class Part:
    """What one part of the day came to: the events that followed by kind, and facts worth checking."""

    name: str
    events: Mapping[str, int]
    facts: dict[str, Any] = field(default_factory=dict)


class ClerksDay:
    """The day's parts in their order, on the platform of one home; `play()` goes through all."""

    def __init__(self, home: Home, say: Say) -> None:
        self._at = Terminal(say)
        self._folder = home.root / "day"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._now = self._read_clock()
        # The day can be played again later: whoever it invents is told apart by the clock's minute.
        self._run = f"{self._now:%m%d%H%M}"
        even = 2 + 2 * (int(self._now.timestamp() // 60) % 490)
        self._elder = make_id_number(COUNTY, "19440310", even + 1)
        self._twin = make_id_number(COUNTY, "19450415", even)
        self._son = make_id_number(COUNTY, "19700521", even + 1)
        self._wife = make_id_number(COUNTY, "19720606", even)

    def play(self) -> list[Part]:
        """The whole day. Raises day.step_failed at the first command that is refused."""
        parts: Sequence[Callable[[], Part]] = (
            self._import_mended,
            self._find_and_screen,
            self._merge,
            self._unmerge,
            self._split,
            self._merge_homes,
            self._fill_posts,
            self._lapse,
            self._as_of,
        )
        return [part() for part in parts]

    def _import_mended(self) -> Part:
        """A roster with three bad rows: reported by row and column, mended, and only these loaded again."""
        at = self._at
        at.begin("导入花名册：错行退回、改正、重新导入")
        wrong = self._elder[:-1] + ("0" if self._elder[-1] != "0" else "1")
        home = f"示范户{self._run}"
        people = [
            ("甄示范", wrong, "", "", "", VILLAGE, VILLAGE, home, "户主"),
            ("左示范", self._twin, "", "男", "", VILLAGE, "", home, "配偶"),
            ("甄小示", self._son, "", "", "1999-01-01", VILLAGE, "", home, "长子"),
            ("万示范", self._wife, "", "", "", VILLAGE, "", home, "儿媳"),
            ("左示范", "", f"临-{self._run}", "女", "1945-04-15", VILLAGE, "", "", ""),
        ]
        roster, rejects = self._write("花名册.csv", COLUMNS, people), self._folder / "退回.csv"
        at.run("import", "persons", str(roster), "--dry-run", *BY)
        at.run("import", "persons", str(roster), "--rejects", str(rejects), *BY)
        refused = open_table(rejects)
        rows = [list(row) for _, row in refused.rows()]
        at.note(f"退回文件 {rejects.name} 有 {len(rows)} 行，带着原因；经办人照原因改正：")
        mended = [self._mend(list(refused.columns), row) for row in rows]
        again = self._write("改正后.csv", refused.columns, mended)
        done = at.run("import", "persons", str(again), *BY)
        statuses = [
            (self._elder, "", "living_alone_elder", "", "", "2026-01-05", ""),
            (self._elder, "", "old_age_accepted", "", "", "2026-01-05", ""),
            (self._twin, "", "old_age_accepted", "", "", "2026-01-05", ""),
            ("", f"临-{self._run}", "old_age_accepted", "", "", "2026-02-03", ""),
            (self._elder, "", "disability", "4", "2", "2024-01-05", str(self._today(1))),
        ]
        at.run("import", "statuses", str(self._write("身份认定.csv", STATUS_COLUMNS, statuses)), *BY)
        return Part("import", at.followed(), {"rejected": len(rows), "reloaded": done})

    def _mend(self, header: list[str], row: list[str]) -> list[str]:
        """What the clerk writes into a row that came back."""
        place = {name: index for index, name in enumerate(header)}
        name = row[place["姓名[name]"]]
        mended = {"甄示范": ("证件号码[id_number]", self._elder), "甄小示": ("出生日期[birth_date]", "")}
        column, value = mended.get(name, ("性别[sex]", ""))
        row[place[column]] = value
        return row

    def _find_and_screen(self) -> Part:
        """Search by a part of the name, by initials and village; the county's lists of whom nobody thought of."""
        at = self._at
        at.begin("查人，动态排查")
        at.run("person", "search", "示范", "--village", VILLAGE, *FOR)
        at.run("person", "search", "zsf", "--age", "80-", *BY)
        found = at.ask("person", "search", "示范", "--village", VILLAGE, *FOR)
        at.run("screening", "run", "old_age_not_applied", *BY)
        at.run("screening", "list", "old_age_not_applied", "--limit", "5", *BY)
        return Part("find", at.followed(), {"found": len(found)})

    def _merge(self) -> Part:
        """Two files of one person: found by the load, decided by the clerk, followed by every service."""
        at = self._at
        at.begin("疑似重复：合并档案")
        at.run("duplicate", "list", "--region", VILLAGE, *FOR)
        at.run("merge", self._twin, f"临-{self._run}", "--dry-run", *FOR)
        at.run("merge", self._twin, f"临-{self._run}", "--reason", "先后登记两次", *FOR)
        return Part("merge", at.followed())

    def _unmerge(self) -> Part:
        """It was a mistake: each file has its own again."""
        at = self._at
        at.begin("查明为两人：撤销合并")
        at.run("merge", "undo", f"临-{self._run}", "--reason", "查明为两人", *FOR)
        return Part("unmerge", at.followed())

    def _split(self) -> Part:
        """The son and his wife form a household of their own."""
        at = self._at
        at.begin("分户")
        new = f"示范户{self._run}乙"
        at.run("household", "split", self._son, self._wife, "--new", new, "--head", self._son, *FOR)
        at.run("household", "show", new, *FOR)
        return Part("split", at.followed())

    def _merge_homes(self) -> Part:
        """An old home goes into the centre with all its residents, and is taken back the same day."""
        at = self._at
        at.begin(f"敬老院撤并：{HOME} 并入 {CENTRE}")
        at.run("facility", "show", HOME, *BY)
        at.run("facility", "list", "--gap", "fire", *BY)
        on = str(self._now.date())
        merged = at.ask("facility", "merge", HOME, "--into", CENTRE, "--on", on, *FOR)[0]
        at.note(f"{merged['residents']} 位老人自 {on} 起住在 {CENTRE}，{HOME} 的历史和用途保留。")
        events = at.followed()
        at.run("facility", "list", "--kind", "township_elder_home", *BY)
        at.run("facility", "undo-merge", HOME, *FOR)
        at.settle()
        return Part("facility_merger", events, {"residents": merged["residents"]})

    def _fill_posts(self) -> Part:
        """Which villages have no child director; one is appointed."""
        at = self._at
        at.begin("儿童主任配备")
        before = at.ask("post", "coverage", "--kind", "village_child_director", *BY)[0]
        at.run("post", "coverage", "--kind", "village_child_director", *BY)
        facts: dict[str, Any] = {"vacant_before": before["totals"][0]["vacant"]}
        if before["vacancies"]:
            village = before["vacancies"][0]["region"]
            who = ("--name", "万示范", "--id-number", self._wife, "--from-day", str(self._now.date()))
            at.run("post", "appoint", *who, "--kind", "village_child_director", "--region", village, *FOR)
        at.run("post", "coverage", "--kind", "village_child_director", *BY)
        after = at.ask("post", "coverage", "--kind", "village_child_director", *BY)[0]
        return Part("posts", at.followed(), facts | {"vacant_after": after["totals"][0]["vacant"]})

    def _lapse(self) -> Part:
        """A certificate's last day passes by the clock alone."""
        at = self._at
        at.begin("时钟走到证件到期之后")
        at.run("clock", "set", f"{self._today(2)} 09:00")
        at.run("status", "show", self._elder, *FOR)
        return Part("lapse", at.followed())

    def _as_of(self) -> Part:
        """What was true in January, by what is known now and by what was known before the day began."""
        at = self._at
        at.begin("按两条时间轴查询：哪一天的事实，按何时所知")
        at.run("status", "show", self._twin, "--on", "2026-03-01", *FOR)
        known = f"{self._now - timedelta(minutes=1):%Y-%m-%d %H:%M}"
        at.run("status", "show", self._twin, "--on", "2026-03-01", "--known", known, *FOR)
        at.run("status", "history", self._elder, *FOR)
        return Part("as_of", at.followed())

    def _today(self, days: int) -> date:
        return self._now.date() + timedelta(days=days)

    def _read_clock(self) -> datetime:
        return datetime.fromisoformat(self._at.ask("clock", "show")[0]["registry"])

    def _write(self, name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Path:
        path = self._folder / name
        with writing(path) as write:
            for row in (header, *rows):
                write(row)
        return path
