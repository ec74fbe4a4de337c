"""What visits is told from outside, besides what every service is."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from tuoqi.kit.settings import Settings


class VisitsSettings(Settings):
    """The settings of visits. Every variable begins with `TUOQI_`."""

    sweep_chunk: int = Field(default=1_000, ge=1, le=1_000)
    """Plans judged in one transaction of the midnight sweep, at most."""
    objects_url: str = ""
    """Where photos and signatures lie: `file:///path` or `s3://bucket/prefix`; empty = none are taken."""
    objects_endpoint: str = ""
    """The address of an S3 API that is not Amazon's, like `http://minio:9000`."""
    objects_region: str = ""
    objects_access_key_file: Path | None = None
    objects_secret_key_file: Path | None = None
