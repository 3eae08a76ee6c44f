"""The catalog: SQLAlchemy Core over SQLite, one module per port, all rules above it."""
