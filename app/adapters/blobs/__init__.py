"""Where bytes lie: a folder on a volume."""
