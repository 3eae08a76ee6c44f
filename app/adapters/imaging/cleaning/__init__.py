"""Rewrites a picture's container so that only what shows it is left: no pixel is touched, none is decoded."""
