"""Measured beside a peer in the same run.  `make bench` runs all of it and prints the tables of the README."""
