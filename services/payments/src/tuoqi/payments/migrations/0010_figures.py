"""Reserved for figures: nothing yet."""

revision = "payments0010"
branch_labels = None
down_revision = "payments0009"
depends_on = None


def upgrade() -> None:
    """Nothing to do."""


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
