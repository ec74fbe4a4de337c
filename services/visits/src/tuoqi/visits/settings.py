"""What visits is told from outside, besides what every service is."""

from __future__ import annotations

from pydantic import Field

from tuoqi.kit.settings import Settings


class VisitsSettings(Settings):
    """The settings of visits. Every variable begins with `TUOQI_`."""

    sweep_chunk: int = Field(default=1_000, ge=1, le=1_000)
    """Plans judged in one transaction of the midnight sweep, at most."""
