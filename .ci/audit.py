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
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|MPL|Mozilla|LGPL|Lesser General Public|Unlicense|Public Domain"
    r"|0BSD|HPND|Zlib|CC0"
)
# What packages say elsewhere that name no licence in their metadata.
SAID_ELSEWHERE = {"saxonche": "open-source Home Edition, by its description"}
FORBIDDEN = re.compile(r"\bA?GPL|Affero|General Public|SSPL|Commercial|Proprietary", re.I)
CLASSIFIER = "License :: "


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
    return judge(lock.name, found)


def judge(lock: str, found: list[dict[str, Any]]) -> int:
    """Print pip-audit's answer about the packages of a lock; 1 if one of them is vulnerable."""
    skipped = [each["name"] for each in found if "skip_reason" in each]
    vulnerable = [each for each in found if each.get("vulns")]
    if skipped:
        print(f"NOT CHECKED for vulnerabilities: {len(skipped)} of {len(found)} packages of {lock}, no data to be had")
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
    """Whether what a package says of its licence names one of LICENCES and, beside it, none that is FORBIDDEN."""
    if said in SAID_ELSEWHERE.values():
        return True
    return LICENCES.search(said) is not None and FORBIDDEN.search(LICENCES.sub("", said)) is None


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
    sys.exit(max([*map(vulnerabilities, LOCKS), licences()]))
