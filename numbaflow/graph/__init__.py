"""`function` and what stands behind it: a traced graph of table ops, rewritten, fused, planned and replayed."""
