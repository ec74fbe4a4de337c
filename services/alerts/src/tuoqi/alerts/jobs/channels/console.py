"""The platform's own inbox 站内消息: the delivery itself is the message; reading it is the proof."""

from __future__ import annotations

from tuoqi.alerts.jobs.channels import Message, Ways


class ConsoleChannel:
    """Puts messages where their readers look."""

    def __init__(self, settings: Ways) -> None:
        """It needs nothing of the settings."""

    async def send(self, message: Message) -> str:
        """The row in the database is the message."""
        return f"inbox of {message.contact.user}"
