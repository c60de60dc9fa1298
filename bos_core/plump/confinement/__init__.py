"""Where programs under review run: a process of their own that can do little more than compute."""
