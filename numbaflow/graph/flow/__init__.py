"""What Python runs in the middle of a program: branches, loops, calls of the host."""
