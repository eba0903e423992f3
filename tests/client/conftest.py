"""The sandbox's fixtures, for the client's tests against it."""

from tests.sandbox.conftest import running_sandbox, sandbox

__all__ = ["running_sandbox", "sandbox"]
