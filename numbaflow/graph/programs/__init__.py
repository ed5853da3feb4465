"""Programs: graphs rewritten, laid out in memory, and replayed natively."""
