"""Random lives of three people who owe: whatever happens in whatever order, the money closes to zero."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tuoqi.kit.errors import TuoqiError

pytestmark = pytest.mark.postgres

Recovering = Any
STEPS = 12
REFUSED_BY_RULE = ("payments.recovery_", "payments.cycle_")


class Life:
    """One random sequence; what a rule refuses is passed over, what breaks is not."""

    def __init__(self, recovering: Recovering, seed: int) -> None:
        self.recovering, self.office = recovering, recovering.office
        self.random = random.Random(seed)  # noqa: S311 - a test repeats itself
        self.people: list[str] = []
        self.month = 1
        self.computed = ""
        self.booked: list[tuple[str, str]] = []

    async def begin(self) -> None:
        for number in (1, 2, 3):
            self.people.append(await self.office.on_dibao(number, 400, account=f"A{number}"))
        for _ in range(2):
            await self.cycle(whole=True)

    async def cycle(self, *, whole: bool) -> None:
        if self.computed:
            return
        month = f"2024-{self.month:02d}"
        self.office.go_to(f"{month}-20")
        if whole:
            await self.office.pay(month)
        else:
            self.computed = (await self.office.open(month)).ref.cycle_id
            await self.office.compute(self.computed)
        self.month += 1

    async def pay_out(self) -> None:
        if self.computed:
            named, self.computed = self.computed, ""
            await self.office.review_and_post(named)
            self.office.go_to(f"2024-{self.month - 1:02d}-28")
            await self.office.approve(named)
            await self.office.instruct(named)

    async def cancel(self) -> None:
        if self.computed:
            await self.office.cancel(self.computed)
            self.computed, self.month = "", self.month - 1

    async def facts(self) -> None:
        ended = self.random.choice(["", "", f"2024-{max(self.month - 2, 1):02d}-15"])
        yuan = self.random.choice([200, 300, 400])
        await self.office.status(self.random.choice(self.people), "dibao", "2023-12-01", yuan=yuan, ended=ended)

    async def one(self) -> Any:
        files = [file for file in await self.recovering.files() if file.owed_fen]
        return self.random.choice(files) if files else None

    async def on_a_file(self, act: str) -> None:
        file = await self.one()
        if file is None:
            return
        one, desk = file.ref.recovery_id, self.recovering.desk
        today = desk.today.isoformat()
        if act == "repay":
            yuan = self.random.randint(1, file.owed_fen // 100)
            self.booked.append((one, (await self.recovering.repay(one, yuan)).repayment_id))
        elif act == "notice":
            await self.recovering.act("IssueNotice", one)
        elif act == "plan":
            await self.recovering.act("AgreePlan", one, months=self.random.randint(1, 4), first_due_on=today)
        elif act == "agree":
            cap = {"cap_fen": self.random.randint(1, 30_000)}
            await self.recovering.act("AgreeOffset", one, signed_on=today, programmes=["dibao"], **cap)
        elif act == "end":
            await self.recovering.act("EndOffset", one, reason="by_person")
        elif act == "write_off":
            await self.recovering.act("ProposeWriteOff", one, "reviewer.zhao", reason="hardship")
            await self.recovering.act("ConfirmWriteOff", one, "finance.qian", amount_fen=file.owed_fen)

    async def reverse(self) -> None:
        if self.booked:
            one, repayment = self.booked.pop(self.random.randrange(len(self.booked)))
            await self.recovering.act("ReverseRepayment", one, "reviewer.zhao", repayment_id=repayment, reason="误登")

    async def contest(self) -> None:
        """A cycle that is doubted after money has come back for it."""
        await self.facts()
        await self.cycle(whole=False)
        for act in self.random.choices(["repay", "write_off", "agree"], k=2):
            await self.on_a_file(act)
        if self.random.random() < 0.6:
            await self.cancel()

    async def step(self) -> str:
        acts = {
            "facts": (4, self.facts),
            "contest": (5, self.contest),
            "cycle": (2, lambda: self.cycle(whole=True)),
            "compute": (3, lambda: self.cycle(whole=False)),
            "pay_out": (2, self.pay_out),
            "cancel": (3, self.cancel),
            "reverse": (2, self.reverse),
            "clock": (1, lambda: self.recovering.timer.run(self.office.clock.now())),
        }
        for name, weight in {"repay": 4, "notice": 1, "plan": 1, "agree": 5, "end": 1, "write_off": 1}.items():
            acts[name] = (weight, lambda name=name: self.on_a_file(name))
        (chosen,) = self.random.choices(list(acts), [weight for weight, _ in acts.values()])
        try:
            await acts[chosen][1]()
        except TuoqiError as refused:
            if not refused.slug.startswith(REFUSED_BY_RULE):
                raise
        return chosen


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [100, 101, 104, 111])
async def test_any_order_of_cycles_repayments_agreements_write_offs_and_cancellations_closes_to_zero(
    recovering: Recovering, seed: int
) -> None:
    """No case below nought, no finding, every file as its cases, and lines that sum to what cycles decided."""
    life = Life(recovering, seed)
    await life.begin()
    for _ in range(STEPS):
        done = await life.step()
        assert await recovering.office.findings() == [], done
        await recovering.followed()
    negative = await recovering.office.fetch("SELECT * FROM recovery_cases WHERE amount_fen < 0")
    assert negative == []
    loose = await recovering.office.fetch(
        "SELECT f.recovery_id FROM recovery_files f JOIN (SELECT recovery_id, sum(amount_fen) AS fen"
        " FROM recovery_repayments WHERE reversed_at IS NULL GROUP BY 1) r USING (recovery_id) WHERE f.repaid_fen <> r.fen"
    )
    assert loose == []
