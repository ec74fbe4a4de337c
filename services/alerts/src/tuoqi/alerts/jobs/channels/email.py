"""Messages by e-mail: SMTP as the county's settings name it, proved by the server's answer."""

from __future__ import annotations

from email.message import EmailMessage
from typing import Final

import aiosmtplib

from tuoqi.alerts.jobs.channels import ChannelAway, ChannelRefused, Message, Ways
from tuoqi.kit.settings import read_secret

TIMEOUT_S: Final = 15.0
_FOR_GOOD: Final = 500


class EmailChannel:
    """Sends plain text; the Message-ID is the delivery's id, so that a mailbox shows a repeat once."""

    def __init__(self, settings: Ways) -> None:
        """Server and sender from the settings, the password from a file."""
        self._settings = settings

    async def send(self, message: Message) -> str:
        """The server's answer. A 5xx is a refusal for good, everything else is tried again."""
        settings = self._settings
        if not message.contact.email or not settings.smtp_host:
            raise ChannelRefused("no address or no server")
        mail = EmailMessage()
        mail["From"], mail["To"] = settings.smtp_from, message.contact.email
        mail["Subject"] = "托起：预警通知"
        mail["Message-ID"] = f"<{message.delivery_id}@{settings.smtp_from.rpartition('@')[2]}>"
        mail.set_content(message.body)
        password = read_secret(settings.smtp_password_file) if settings.smtp_password_file else None
        try:
            _, answer = await aiosmtplib.send(
                mail,
                hostname=settings.smtp_host,
                port=settings.smtp_port,
                username=settings.smtp_user or None,
                password=password,
                use_tls=settings.smtp_tls == "tls",
                start_tls=settings.smtp_tls == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            if all(one.code >= _FOR_GOOD for one in error.recipients):
                raise ChannelRefused("recipient refused") from error
            raise ChannelAway("recipient refused for now") from error
        except aiosmtplib.SMTPResponseException as error:
            kind = ChannelRefused if error.code >= _FOR_GOOD else ChannelAway
            raise kind(f"SMTP {error.code}") from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise ChannelAway(type(error).__name__) from error
        return str(answer)
