"""Short messages: a folder of files by default, which a county's own gateway picks up; another plug-in may replace it."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from tuoqi.alerts.jobs.channels import ChannelAway, ChannelRefused, Message, Ways


class SmsFileChannel:
    """Appends one JSON line for each message to a file of the day, mode 0600, on the disk before it counts as sent."""

    def __init__(self, settings: Ways) -> None:
        """The folder comes from the settings; without one nothing is sent."""
        self._folder = settings.sms_folder

    async def send(self, message: Message) -> str:
        """File and offset of the line."""
        if not message.contact.phone or self._folder is None:
            raise ChannelRefused("no number or no folder")
        line = json.dumps(
            {"id": message.delivery_id, "to": message.contact.phone, "text": message.body}, ensure_ascii=False
        )
        try:
            return await asyncio.to_thread(_append, self._folder, f"{line}\n".encode())
        except OSError as error:
            raise ChannelAway(type(error).__name__) from error


def _append(folder: Path, line: bytes) -> str:
    """Write and flush; a line is written in one call, so that two writers never mix."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"sms-{datetime.now(UTC):%Y-%m-%d}.jsonl"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, line)
        os.fsync(descriptor)
        return f"{path.name} to byte {os.lseek(descriptor, 0, os.SEEK_CUR)}"
    finally:
        os.close(descriptor)
