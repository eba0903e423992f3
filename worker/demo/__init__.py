"""The demo: a billing month on embedded services and the sandbox, every row of which is checked at the end."""

from worker.demo.run import main

__all__ = ["main"]
