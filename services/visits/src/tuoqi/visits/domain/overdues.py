"""The id of a missed visit 逾期: derived from person and deadline, so that whoever finds it again names it the same."""

from datetime import date
from hashlib import blake2b

from tuoqi.visits.domain.days import midnight_of


def overdue_id(person_id: str, deadline: date) -> str:
    """A UUIDv7-shaped id: the deadline's time first, so that indexes stay warm, then a hash of the two."""
    digest = blake2b(f"overdue:{person_id}:{deadline}".encode(), digest_size=10).hexdigest()
    millis = f"{int(midnight_of(deadline).timestamp() * 1000):012x}"
    variant = "89ab"[int(digest[3], 16) & 3]
    return f"{millis[:8]}-{millis[8:]}-7{digest[:3]}-{variant}{digest[4:7]}-{digest[7:19]}"
