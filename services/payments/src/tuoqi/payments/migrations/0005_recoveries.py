"""Reserved for recoveries: nothing yet."""

revision = "payments0005"
branch_labels = None
down_revision = "payments0004"
depends_on = None


def upgrade() -> None:
    """Nothing to do."""


def downgrade() -> None:
    """Refused: what was decided and paid is never dropped."""
    raise RuntimeError("payments' tables hold what was paid and are never dropped")
