"""The tables.  A change here needs a migration beside it; a test compares the two."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    false,
    literal_column,
    text,
    true,
)

from app.adapters.catalog.types import Instant, JsonText, Words

metadata = MetaData()

_LIVE = text("status <> 'deleted'")
_OPEN = text("state = 'open'")
_TRACED = text("status = 'deleted' AND source_key IS NOT NULL")
_OF_CHAT = text("source = 'chat'")
_STREAMED = text("stream_id IS NOT NULL")
_STREAMING = text("status = 'streaming'")

users = Table(
    "users",
    metadata,
    Column("user_id", String(128), primary_key=True),
    Column("last_change", BigInteger, nullable=False),
)

images = Table(
    "images",
    metadata,
    Column("user_id", String(128), nullable=False),
    Column("id", String(128), nullable=False),
    Column("url_extension", String(8), nullable=False),
    Column("status", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("hosted_at", Instant),
    Column("accessed_at", Instant),
    Column("ended_at", Instant),
    Column("reason", String(64)),
    Column("detail", Words),
    Column("unlink_owed", Boolean, nullable=False, server_default=false()),
    Column("content_type", String(64)),
    Column("extension", String(8)),
    Column("width", Integer),
    Column("height", Integer),
    Column("frames", Integer),
    Column("thumbhash", String(64)),
    Column("size_bytes", BigInteger),
    Column("sha256", String(64)),
    Column("provider", String(32)),
    Column("job_id", String(256)),
    Column("output_index", Integer),
    Column("generation_id", String(30)),
    Column("source_url", Words),
    Column("source_key", String(512)),
    Column("fingerprint", String(64)),
    Column("metadata", JsonText, nullable=False),
    PrimaryKeyConstraint("user_id", "id"),
    # "Exactly once": two reports of one output meet here, whatever order they come in.
    Index(
        "images_source_key",
        "user_id",
        "source_key",
        unique=True,
        sqlite_where=_LIVE,
        postgresql_where=_LIVE,
    ),
    Index(
        "images_deleted_source",
        "user_id",
        "source_key",
        sqlite_where=_TRACED,
        postgresql_where=_TRACED,
    ),
    Index("images_fingerprint", "user_id", "fingerprint", "created_at"),
    # Without the tombstones, which outnumber the images of an owner who makes many and keeps few.
    Index("images_newest", "user_id", "created_at", "id", sqlite_where=_LIVE, postgresql_where=_LIVE),
    Index("images_usage", "user_id", "status", "size_bytes"),
    Index("images_generation", "generation_id", "output_index"),
    Index("images_hosted", "status", "hosted_at"),
    Index(
        "images_unlink_owed",
        "unlink_owed",
        sqlite_where=text("unlink_owed = 1"),
        postgresql_where=text("unlink_owed"),
    ),
    # A service asks for a chat image by its id alone.
    Index("images_chat", "id", sqlite_where=_OF_CHAT, postgresql_where=_OF_CHAT),
)

is_live = images.c.status != literal_column("'deleted'")
"""Spelled out, not bound: a partial index serves only who says the same."""

is_deleted = images.c.status == literal_column("'deleted'")

is_of_chat = images.c.source == literal_column("'chat'")

captures = Table(
    "captures",
    metadata,
    Column("user_id", String(128), nullable=False),
    Column("image_id", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("deadline", Instant),
    Column("created_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("attempts", Integer, nullable=False),
    Column("next_attempt_at", Instant, nullable=False),
    Column("lease_owner", String(64)),
    Column("lease_until", Instant),
    Column("token", Integer, nullable=False),
    Column("last_error", Words),
    # Late, for it may be a data URI of megabytes: to read what lies behind it SQLite goes through all of it.
    Column("fetch_from", Words),
    Column("produced_at", Instant),
    PrimaryKeyConstraint("user_id", "image_id"),
    # Settled captures stay for their tokens; the queue and the backlog are read from this index alone.
    Index(
        "captures_open",
        "deadline",
        "created_at",
        "next_attempt_at",
        "lease_until",
        "state",
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    ),
)

is_open = captures.c.state == literal_column("'open'")

generations = Table(
    "generations",
    metadata,
    Column("id", String(30), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("provider", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("completed_at", Instant),
    Column("first_image", String(128), nullable=False),
    Column("hosted", Boolean, nullable=False),
    Column("model", Words),
    Column("version", Words),
    Column("input_sha256", String(64)),
    Column("job_id", String(256)),
    Column("error", Words),
    Column("error_code", String(64)),
    Column("next_poll_at", Instant),
    Column("polls", Integer, nullable=False),
    Column("metadata", JsonText, nullable=False),
    Column("is_prepared", Boolean, nullable=False, server_default=true()),
    Index("generations_job", "provider", "job_id", "user_id", unique=True),
    Index("generations_due", "status", "next_poll_at"),
)

changes = Table(
    "changes",
    metadata,
    Column("user_id", String(128), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("image_id", String(128), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("at", Instant, nullable=False),
    PrimaryKeyConstraint("user_id", "sequence"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("user_id", String(128), nullable=False),
    Column("key", String(256), nullable=False),
    Column("operation", String(32), nullable=False),
    Column("request_sha256", String(64), nullable=False),
    Column("resource", String(128), nullable=False),
    Column("created_at", Instant, nullable=False),
    PrimaryKeyConstraint("user_id", "key"),
    Index("idempotency_resource", "user_id", "resource"),
)

marks = Table(
    "marks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("at", Instant, nullable=False),
    Column("is_suspect", Boolean, nullable=False),
)

locks = Table(
    "locks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("until", Instant, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("id", String(30), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("title", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Index("sessions_latest", "user_id", "updated_at", "id"),
)

messages = Table(
    "messages",
    metadata,
    Column("id", String(30), primary_key=True),
    Column("session_id", String(30), ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("role", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("model", Words),
    Column("stream_id", String(30)),
    Column("owner", String(64)),
    Column("stop_asked_at", Instant),
    Column("error_code", String(64)),
    Column("counters", JsonText, nullable=False),
    # Late, for it may be long: to read what lies behind it SQLite goes through all of it.
    Column("content", Words, nullable=False),
    Index("messages_in_order", "session_id", "number", unique=True),
    Index("messages_stream", "stream_id", unique=True, sqlite_where=_STREAMED, postgresql_where=_STREAMED),
    Index("messages_streaming", "owner", sqlite_where=_STREAMING, postgresql_where=_STREAMING),
)

is_streaming = messages.c.status == literal_column("'streaming'")

message_images = Table(
    "message_images",
    metadata,
    Column("message_id", String(30), ForeignKey("messages.id", ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("image_id", String(128), nullable=False),
    PrimaryKeyConstraint("message_id", "position"),
    ForeignKeyConstraint(["user_id", "image_id"], ["images.user_id", "images.id"]),
    Index("message_images_image", "user_id", "image_id"),
)
