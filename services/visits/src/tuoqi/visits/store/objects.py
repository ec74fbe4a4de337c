"""Where the bytes of attachments lie: a folder, or a bucket behind the S3 API. Everything in it is sealed already.

One store for both by obstore, see docs/decisions/0010-obstore.md.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import obstore
from obstore.exceptions import BaseError, NotFoundError
from obstore.store import LocalStore, S3Store

from tuoqi.kit.errors import TuoqiError
from tuoqi.kit.logs import get_logger

WAIT_S: Final = 20.0
"""The longest that one object may take before the store counts as away."""
logger = get_logger(room="objects")


class Objects(Protocol):
    """What attachments need of it. Every call raises visits.objects_away where the store does not answer."""

    async def put(self, name: str, content: bytes, /) -> None:
        """Keep it under a name; the same name again overwrites."""
        ...

    async def get(self, name: str, /) -> bytes:
        """The content. Raises visits.object_gone where there is none."""
        ...

    async def delete(self, name: str, /) -> None:
        """Remove it; it is no fault where it is gone already."""
        ...


class ObjectStore:
    """A folder (`file:///path`) or a bucket (`s3://bucket/prefix`)."""

    def __init__(self, inner: LocalStore | S3Store) -> None:
        self._inner = inner

    @classmethod
    def of(
        cls, url: str, *, endpoint: str = "", region: str = "", access_key: str = "", secret_key: str = ""
    ) -> ObjectStore:
        """The store that a URL names. Raises ValueError for one that names none."""
        parts = urlsplit(url)
        if parts.scheme == "file" and parts.path:
            Path(parts.path).mkdir(parents=True, exist_ok=True, mode=0o700)
            return cls(LocalStore(parts.path))
        if parts.scheme != "s3" or not parts.netloc:
            raise ValueError("TUOQI_OBJECTS_URL is file:///path or s3://bucket/prefix")
        # A store in the county's own net rarely has a certificate; what lies in it is sealed.
        return cls(
            S3Store(
                parts.netloc,
                prefix=parts.path.strip("/") or None,
                endpoint=endpoint or None,
                region=region or "us-east-1",
                access_key_id=access_key or None,
                secret_access_key=secret_key or None,
                skip_signature=not access_key,
                virtual_hosted_style_request=False,
                client_options={
                    "allow_http": endpoint.startswith("http://"),
                    "connect_timeout": timedelta(seconds=3),
                    "timeout": timedelta(seconds=WAIT_S),
                },
                retry_config={"max_retries": 2, "retry_timeout": timedelta(seconds=5)},
            )
        )

    async def put(self, name: str, content: bytes) -> None:
        """Keep it under a name; the same name again overwrites."""
        try:
            await obstore.put_async(self._inner, name, content)
        except (BaseError, OSError) as fault:
            raise _away(fault) from None

    async def get(self, name: str) -> bytes:
        """The content."""
        try:
            found = await obstore.get_async(self._inner, name)
            return bytes(await found.bytes_async())
        except (NotFoundError, FileNotFoundError):
            raise TuoqiError("visits.object_gone") from None
        except (BaseError, OSError) as fault:
            raise _away(fault) from None

    async def delete(self, name: str) -> None:
        """Remove it."""
        try:
            await obstore.delete_async(self._inner, name)
        except (NotFoundError, FileNotFoundError):
            return
        except (BaseError, OSError) as fault:
            raise _away(fault) from None


class NoObjects:
    """No store is set up: attachments wait on their devices, records are taken all the same."""

    async def put(self, _name: str, _content: bytes) -> None:
        """Refused."""
        raise TuoqiError("visits.objects_away")

    async def get(self, _name: str) -> bytes:
        """Refused."""
        raise TuoqiError("visits.objects_away")

    async def delete(self, _name: str) -> None:
        """Refused."""
        raise TuoqiError("visits.objects_away")


def _away(fault: Exception) -> TuoqiError:
    # The fault's text may hold the address of the store, which is nobody's business outside.
    logger.warning("the object store is away", fault=type(fault).__name__)
    return TuoqiError("visits.objects_away")
