"""Log lines for people."""

import logging

import pytest
import structlog

from worker.observability import log


def test_file_gets_no_colours(capsys: pytest.CaptureFixture[str]) -> None:
    """What is no terminal gets plain text, and nobody a field without a value."""
    log.set_up(style="console")
    structlog.get_logger().info("job.done", kind="publish_invoice", problem=None)
    said = capsys.readouterr().err
    assert "kind=publish_invoice" in said and "problem" not in said and "\x1b" not in said


def test_driver_is_silent_in_an_outage(capsys: pytest.CaptureFixture[str]) -> None:
    """asyncpg's pool warns of each try to connect, with a traceback; the worker says it in one line of its own."""
    log.set_up()
    logging.getLogger("asyncpg.pool").warning("Failed to restore the pool connection floor; retrying")
    assert capsys.readouterr().err == ""
