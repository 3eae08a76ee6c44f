"""When a source was made, so that the time until it is stored can be told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("captures", sa.Column("produced_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("captures", "produced_at")
