"""Where backups go: a folder."""
