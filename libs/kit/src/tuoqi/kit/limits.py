"""The limit that stops a consumer: when so much is rejected, the fault is not the messages'."""

from __future__ import annotations

from collections import deque

IN_A_ROW = 20
WINDOW = 10_000
SHARE = 0.01
AT_LEAST = 50


class RejectionLimit:
    """Counts outcomes: 20 rejections in a row, or more than 1 % of the last 10,000 and at least 50, are too many."""

    __slots__ = ("_in_a_row", "_recent", "_rejected", "_seen")

    def __init__(self) -> None:
        self._in_a_row = 0
        self._recent: deque[int] = deque()
        """Runs of equal outcomes: n > 0 for n applied, -n for n rejected."""
        self._rejected = 0
        self._seen = 0
        """Outcomes in `_recent`, never more than the window."""

    def copy(self) -> RejectionLimit:
        """A copy to count on while the batch may still be rolled back."""
        twin = RejectionLimit()
        twin._in_a_row, twin._rejected, twin._seen = self._in_a_row, self._rejected, self._seen
        twin._recent = self._recent.copy()
        return twin

    def applied(self, count: int) -> None:
        """So many messages in a row were applied."""
        if count:
            self._in_a_row = 0
            self._note(count)

    def rejected(self) -> bool:
        """One message was rejected; True where the consumer must stop now."""
        self._in_a_row += 1
        self._rejected += 1
        self._note(-1)
        return self._exceeded()

    def _note(self, run: int) -> None:
        self._seen += abs(run)
        if self._recent and (self._recent[-1] > 0) == (run > 0):
            self._recent[-1] += run
        else:
            self._recent.append(run)
        self._forget_the_oldest()

    @property
    def reason(self) -> str:
        """Why it stopped."""
        if self._in_a_row >= IN_A_ROW:
            return f"{self._in_a_row} rejections in a row"
        return f"{self._rejected} rejections among the last {self._seen}"

    def _exceeded(self) -> bool:
        return self._in_a_row >= IN_A_ROW or (self._rejected >= AT_LEAST and self._rejected > SHARE * self._seen)

    def _forget_the_oldest(self) -> None:
        while self._seen > WINDOW:
            oldest = self._recent.popleft()
            gone = min(abs(oldest), self._seen - WINDOW)
            self._seen -= gone
            if oldest < 0:
                self._rejected -= gone
            if left := abs(oldest) - gone:
                self._recent.appendleft(left if oldest > 0 else -left)
