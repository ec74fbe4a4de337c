"""What alerts is told from outside; its rules are the county's files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tuoqi.kit.settings import Settings


class AlertsSettings(Settings):
    """The ways by which messages leave 通知渠道. Every variable begins with `TUOQI_`; what is empty is not used."""

    smtp_host: str = ""
    smtp_port: int = 587
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    smtp_from: str = "tuoqi@localhost"
    smtp_tls: Literal["starttls", "tls", "none"] = "starttls"
    webhook_key_file: Path | None = None
    """The key by which messages to other systems are signed."""
    sms_folder: Path | None = None
    """Where short messages are written for the county's gateway."""
