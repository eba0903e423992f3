"""Saves files into a folder that an operator names: mode 0600, never outside it, never over a file that is there."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from worker.cli.base import fail

HtmlFile = Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Write a report to read or print.")]

# Of a name, so that any file system takes it with what is added to it.
LONGEST_NAME = 150


def safe_name(name: str) -> str:
    """The name as a file's own name: no separators, no control characters, no leading dot, not empty."""
    kept = re.sub(r"[^\w.,+ ()-]", "_", name).strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if len(kept) > LONGEST_NAME:
        kept = f"{(stem or ending)[: LONGEST_NAME - 10]}{dot}{ending[:8]}" if stem else kept[:LONGEST_NAME]
    return kept or "unnamed"


def new_file(folder: Path, name: str) -> AbstractContextManager[BinaryIO]:
    """`new_private_file` of this name in the folder, which is made if need be."""
    return new_private_file(folder / safe_name(name))


@contextmanager
def new_private_file(path: Path) -> Iterator[BinaryIO]:
    """A new file of mode 0600, removed again if the block raises.

    Ends the command with exit code 1 if the file exists, or if it cannot be written.
    """
    try:
        _make_folder(path.parent)
        # O_EXCL also refuses a symbolic link, so that nothing is written outside the folder.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        fail(f"{path} is there already, and stays as it is.")
    except OSError as error:
        fail(f"Cannot write {path}: {error.strerror}.")
    try:
        with open(descriptor, "wb") as file:
            yield file
    except BaseException as error:
        path.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            fail(f"Cannot write {path}: {error.strerror}.")
        raise


def _make_folder(folder: Path) -> None:
    """The folder and those above it; ends the command if a file has the name of one of them."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        fail(f"Cannot write into {folder}: it is no folder.")


def require_new(path: Path | None) -> None:
    """End the command with exit code 1 if the file exists, before any work is done for it."""
    if path is not None and os.path.lexists(path):
        fail(f"{path} is there already, and stays as it is.")


def save_page(path: Path, page: str) -> None:
    """A page as a new file of mode 0600."""
    with new_private_file(path) as file:
        file.write(page.encode())
