"""`function` and what is behind it: a traced graph of table ops, rewritten, fused, planned and replayed."""
