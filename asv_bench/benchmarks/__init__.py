"""Benches for asv: every op of the table, and what is built from ops.  Run them with `make bench`."""
