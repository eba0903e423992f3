"""Reads `.env`, taking every value as it stands: dotenv itself would replace `${...}`, also within a password."""

import io
from pathlib import Path

from dotenv.parser import parse_stream


class UnreadableEnvFile(Exception):
    """Why the file cannot be used, as one sentence that shows nothing of it."""


def read_env_file(path: Path) -> dict[str, str | None]:
    """Its variables; one without `=` has no value. Raises `UnreadableEnvFile`, or OSError."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # from a pipe that nobody fills, reading never ends
        raise UnreadableEnvFile("The file .env in this folder is a pipe, a socket or a device. Put a plain file there.")
    try:
        text = path.read_bytes().decode("utf-8-sig")  # some editors begin a file in UTF-8 with a mark
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # UTF-16 without its mark is valid UTF-8
        raise UnreadableEnvFile("The file .env in this folder is not UTF-8 text. Save it as UTF-8.")
    found: dict[str, str | None] = {}
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            line = binding.original.line + len(binding.original.string) - len(binding.original.string.lstrip("\n"))
            raise UnreadableEnvFile(
                f"Line {line} of the file .env in this folder is not NAME=value, or a quotation mark is left open."
            )
        if binding.key is not None:
            found[binding.key] = binding.value
    return found
