"""Alembic's entry: runs the migrations over the connection that `app.adapters.catalog.migrate` opened."""

from alembic import context

from app.adapters.catalog.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
