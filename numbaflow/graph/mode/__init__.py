"""Graph mode: graphs that a program builds, and sessions that run parts of them."""
