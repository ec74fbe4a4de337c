"""Who acts while a calendar is played: the demo county's officers, each in his part."""

from __future__ import annotations

from types import TracebackType
from typing import Final, Self

from tuoqi.cli.platform import Platform

CLERK: Final = "clerk.li"
REVIEWER: Final = "reviewer.zhao"
APPROVERS: Final = ("finance.qian", "finance.sun")
PURPOSE: Final = "并行试算"


class Officers:
    """One platform, seen through each officer's own channels."""

    def __init__(self, platform: Platform) -> None:
        self.nobody = platform
        """For what needs no user: clocks and progress."""
        self.clerk = platform.acting(CLERK, PURPOSE)
        self.reviewer = platform.acting(REVIEWER, PURPOSE)
        self.approvers = tuple(platform.acting(user, PURPOSE) for user in APPROVERS)

    @property
    def finance(self) -> Platform:
        """Who instructs the bank and may see accounts."""
        return self.approvers[0]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for platform in (self.clerk, self.reviewer, *self.approvers):
            await platform.__aexit__(kind, error, trace)
