"""`.env` as editors and people write it: other encodings, quotation marks left open, `${...}` within passwords."""

import os
from pathlib import Path

import pytest

from worker.env_file import UnreadableEnvFile, read_env_file
from worker.settings import Settings

URL = "postgresql://u:p${HOME}x$y@db/x"


def file_with(folder: Path, content: bytes) -> Path:
    path = folder / ".env"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("form", ["A={}", "A='{}'", 'A="{}"', "export A={}", "A = {}", "\ufeffA={}", "A={}\r\n"])
def test_values_are_taken_literally(form: str, tmp_path: Path) -> None:
    """Nothing is replaced within a value, however it is quoted; a mark at the beginning is no part of the name."""
    assert read_env_file(file_with(tmp_path, form.format(URL).encode())) == {"A": URL}


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_other_encodings_are_refused(encoding: str, tmp_path: Path) -> None:
    """As some editors save it."""
    with pytest.raises(UnreadableEnvFile, match="not UTF-8 text"):
        read_env_file(file_with(tmp_path, "REDIS_URL=redis://:käse@h/0\n".encode(encoding)))


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    """Nobody may ever write into it, and the command would wait for that."""
    os.mkfifo(tmp_path / ".env")
    with pytest.raises(UnreadableEnvFile, match="is a pipe"):
        read_env_file(tmp_path / ".env")


@pytest.mark.parametrize(
    "line", ['A="geheim', "A='geheim", 'A="geheim\nB="geheim"', "A=1\n\n=geheim\n", 'A="1" geheim"\n']
)
def test_broken_lines_are_named(line: str, tmp_path: Path) -> None:
    """By number, without what they say; dotenv itself leaves them out."""
    with pytest.raises(UnreadableEnvFile, match=r"Line \d+ of the file .env") as refused:
        read_env_file(file_with(tmp_path, line.encode()))
    assert "geheim" not in str(refused.value)


def test_settings_take_them_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password reaches the driver as it was written."""
    for name in ("DATABASE_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    file_with(tmp_path, f"DATABASE_URL={URL}\nREDIS_URL='redis://:a${{B}}c@h/0'\n".encode())
    monkeypatch.chdir(tmp_path)
    assert (Settings().database_url, Settings().redis_url) == (URL, "redis://:a${B}c@h/0")
