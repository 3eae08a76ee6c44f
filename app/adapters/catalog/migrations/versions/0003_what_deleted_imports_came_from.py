"""Which output a deleted import was, so that late news of its job does not bring it back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "images_deleted_source",
        "images",
        ["user_id", "source_key"],
        unique=False,
        sqlite_where=sa.text("status = 'deleted' AND source_key IS NOT NULL"),
        postgresql_where=sa.text("status = 'deleted' AND source_key IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_index("images_deleted_source", "images")
