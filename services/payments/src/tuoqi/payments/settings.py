"""What payments is told from outside, beside what every service is told."""

from tuoqi.kit.settings import Settings


class PaymentsSettings(Settings):
    """The settings of one process, from the environment."""

    facts_wait_s: float = 60.0
    """How long `compute` and `instruct` wait until every event up to the cut-off is applied, by the system clock."""
    chunk_persons: int = 1_000
    """People reckoned and written in one go: large enough to be quick, small enough to keep the event loop free."""
