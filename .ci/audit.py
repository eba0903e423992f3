"""Asks pip-audit which locked packages have known vulnerabilities, and lists the licences of what is installed.

Fails on a vulnerability and on a licence that is not in LICENCES. Where the vulnerability data cannot be had (offline,
or a mirror that does not serve it), it says NOT CHECKED and how many packages that concerns, and does not fail.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOCKS = (HERE.parent / "requirements.txt", HERE / "requirements.lock")
# Words of licences under which the worker may use a package; LGPL and MPL as a library that is not changed.
LICENCES = re.compile(
    r"\b(MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|LGPL(?:v2)?\+?|Lesser General Public|Unlicense"
    r"|Public Domain|0BSD|HPND|Zlib|CC0)\b"
)
# What packages say elsewhere that name no licence in their metadata.
SAID_ELSEWHERE = {"saxonche": "open-source Home Edition, by its description"}
FORBIDDEN = re.compile(
    r"\bA?GPL|Affero|General Public|SSPL|Commercial|Commons.Clause|-NC\b|BUSL|Business Source|Elastic|Proprietary", re.I
)
CLASSIFIER = "License :: "
PIN = re.compile(r"^[a-z0-9._-]+==", re.M)
MOST_NAMED = 10  # of packages without data, where others have some


def vulnerabilities(lock: Path) -> int:
    """Ask pip-audit about the packages of a lock; 1 if one of them is vulnerable."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", lock, "--no-deps", "--disable-pip"]
    done = subprocess.run([*command, "--format", "json", "--progress-spinner", "off"], capture_output=True, text=True)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"NOT CHECKED for vulnerabilities: {lock.name}: {last[:200]}")
        return 0
    return judge(lock.name, found, len(PIN.findall(lock.read_text())))


def judge(lock: str, found: list[dict[str, Any]], pins: int) -> int:
    """Print pip-audit's answer about the packages of a lock with so many; 1 if one of them is vulnerable."""
    skipped = [each["name"] for each in found if "vulns" not in each]
    vulnerable = [each for each in found if each.get("vulns")]
    for each in skipped[:MOST_NAMED] if len(skipped) < len(found) else ():
        print(f"NOT CHECKED for vulnerabilities: {each} of {lock}")
    if skipped:
        print(f"NOT CHECKED for vulnerabilities: {len(skipped)} of {len(found)} packages of {lock}, no data to be had")
    if len(found) < pins:  # those of another system or Python
        print(f"NOT CHECKED for vulnerabilities: {pins - len(found)} packages of {lock}, not wanted on this system")
    for each in vulnerable:
        print(f"{lock}: {each['name']} {each['version']}: {', '.join(vuln['id'] for vuln in each['vulns'])}")
    if not vulnerable and len(skipped) < len(found):
        print(f"{lock}: {len(found) - len(skipped)} packages without a known vulnerability")
    return int(bool(vulnerable))


def licence(package: Distribution) -> str:
    """What the package says of its licence: expression, else classifiers, else the first line of the field."""
    about = package.metadata
    classified = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier", []) if each.startswith(CLASSIFIER)]
    told = about.get("License-Expression") or "; ".join(classified) or about.get("License") or ""
    return told.strip().splitlines()[0][:60] if told.strip() else SAID_ELSEWHERE.get(package.name, "unknown")


def is_allowed(said: str) -> bool:
    """Whether each licence that a package names is one of LICENCES, or one of its alternatives, and none FORBIDDEN."""
    if said in SAID_ELSEWHERE.values():
        return True
    named = re.split(r"; | AND ", said.replace("(", "").replace(")", "") if " OR " in said or " AND " in said else said)
    return all(any(map(_is_allowed, each.split(" OR "))) for each in named)


def _is_allowed(named: str) -> bool:
    return LICENCES.search(named) is not None and FORBIDDEN.search(LICENCES.sub("", named)) is None


def licences() -> int:
    """Print the installed packages by licence; 1 if a licence is not one of those that are allowed."""
    by_licence = defaultdict(list)
    for package in distributions():
        if package.name != "sevdesk-worker":
            by_licence[licence(package)].append(package.name)
    for each in sorted(by_licence, key=lambda one: (-len(by_licence[one]), one)):
        mark = " <- not allowed, see LICENCES in .ci/audit.py" if not is_allowed(each) else ""
        print(f"{each}: {', '.join(sorted(by_licence[each], key=str.lower))}{mark}")
    return int(not all(map(is_allowed, by_licence)))


if __name__ == "__main__":
    sys.exit(max([licences(), *map(vulnerabilities, LOCKS)]))  # what was not checked stands last, where it is seen
