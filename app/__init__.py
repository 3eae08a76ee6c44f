"""Holdfast: AI-generated images that do not disappear."""

__version__ = "0.1.0"
