"""Conversations, what was said in them, and the pictures it was about."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "images_chat",
        "images",
        ["id"],
        unique=False,
        sqlite_where=sa.text("source = 'chat'"),
        postgresql_where=sa.text("source = 'chat'"),
    )
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("sessions_latest", "sessions", ["user_id", "updated_at", "id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", sa.String(length=30), nullable=False),
        sa.Column("session_id", sa.String(length=30), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("stream_id", sa.String(length=30), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("stop_asked_at", sa.BigInteger(), nullable=True),
        sa.Column("error_code", sa.String(length=64), nullable=True),
        sa.Column("counters", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["session_id"], ["sessions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("messages_in_order", "messages", ["session_id", "number"], unique=True)
    op.create_index(
        "messages_stream",
        "messages",
        ["stream_id"],
        unique=True,
        sqlite_where=sa.text("stream_id IS NOT NULL"),
        postgresql_where=sa.text("stream_id IS NOT NULL"),
    )
    op.create_index(
        "messages_streaming",
        "messages",
        ["owner"],
        unique=False,
        sqlite_where=sa.text("status = 'streaming'"),
        postgresql_where=sa.text("status = 'streaming'"),
    )

    op.create_table(
        "message_images",
        sa.Column("message_id", sa.String(length=30), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("user_id", sa.String(length=128), nullable=False),
        sa.Column("image_id", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["messages.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id", "image_id"], ["images.user_id", "images.id"]),
        sa.PrimaryKeyConstraint("message_id", "position"),
    )
    op.create_index("message_images_image", "message_images", ["user_id", "image_id"], unique=False)


def downgrade() -> None:
    for table in ("message_images", "messages", "sessions"):
        op.drop_table(table)
    op.drop_index("images_chat", "images")
