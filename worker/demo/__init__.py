"""The story of a billing month, on embedded services and the sandbox; every row of it is checked at the end."""

from worker.demo.story import main

__all__ = ["main"]
