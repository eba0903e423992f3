"""Compares .venv with the lock and with itself: other packages or versions, changed, missing, foreign or shared files.

A package lists its files with their SHA-256 (RECORD). Whoever can write into .venv can change that list, too, and the
compiled files in `__pycache__`, which have no hash; `make clean setup` builds .venv anew from the lock's hashes.
"""

import base64
import hashlib
import re
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, PackagePath, distributions
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

LOCK = Path(__file__).resolve().parent / "requirements.lock"
OURS = "sevdesk-worker"
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)(?: ; ([^\\\n]+))?", re.M)


def pinned(lock: str) -> dict[str, str]:
    """The versions that the lock wants on this system, by name."""
    found = PIN.findall(lock)
    return {canonicalize_name(name): version for name, version, only in found if not only or Marker(only).evaluate()}


def differing(lock: str, packages: Iterable[Distribution]) -> Iterator[str]:
    """Packages that are not in the lock, or not as it wants them."""
    wanted, there = pinned(lock), {canonicalize_name(each.name): each.version for each in packages}
    for name in sorted(wanted.keys() | there.keys() - {OURS}):
        if wanted.get(name) != there.get(name):
            yield f"{name}: {there.get(name, 'nothing')} is installed, the lock wants {wanted.get(name, 'nothing')}"


def altered(packages: Iterable[Distribution], folder: Path) -> Iterator[str]:
    """Files below the folder that are not as their package says, that are of no package or of several."""
    owners = defaultdict[Path, list[str]](list)
    for package in packages:
        if not package.files:
            yield f"{package.name}: lists no files"
        for file in package.files or ():
            path = Path(str(package.locate_file(file))).resolve()
            owners[path].append(package.name)
            if file.hash is not None and (why := _why_wrong(path, file)):
                yield f"{package.name}: {file} {why}"
    yield from (f"{path} belongs to {' and '.join(them)}" for path, them in owners.items() if len(them) > 1)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix != ".pyc" and path.resolve() not in owners:
            yield f"{path} belongs to no package"


def _why_wrong(path: Path, file: PackagePath) -> str | None:
    assert file.hash is not None
    try:
        digest = hashlib.new(file.hash.mode, path.read_bytes()).digest()
    except OSError:
        return "is missing"
    is_as_listed = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == file.hash.value
    return None if is_as_listed else "was changed"


if __name__ == "__main__":
    here = list(distributions())
    found = [*differing(LOCK.read_text(), here), *altered(here, Path(sysconfig.get_path("purelib")))]
    for each in found:
        print(each)
    if found:
        print("Build .venv anew, make clean setup, if it was not you.")
    else:
        print(f"{len(here)} packages are installed as the lock and their own lists of files say")
    sys.exit(bool(found))
