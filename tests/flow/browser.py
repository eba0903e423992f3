"""A page in a real browser: headless Chromium, where there is one on PATH."""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

# Chromium sets no window narrower than 500 points, so the page is shown in a frame of the wanted width, which this page
# measures; the frame's own script could not run under the page's policy.
FRAME = """<!doctype html><body style="margin:0">
<iframe id="f" src="{page}" style="border:0;width:{width}px;height:3000px"></iframe>
<script>addEventListener("load", () => {{ const d = document.getElementById("f").contentDocument;
document.title = [d.documentElement.scrollWidth, d.documentElement.clientWidth, d.querySelectorAll("svg").length,
getComputedStyle(d.body).backgroundColor].join("|") }})</script>"""


@dataclass(frozen=True)
class Shown:
    """What the browser says of a page: widths in points, and what it complained of."""

    content: int
    window: int
    charts: int
    background: str
    complaints: list[str]


def open_in_browser(page: Path, width: int, *, dark: bool = False, picture: Path | None = None) -> Shown:
    """Show the page at this width. Skips the test without a browser."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is on PATH (Debian's package chromium): how the page looks was not tried")
    frame = page.with_name(f"frame-{width}-{dark}.html")
    frame.write_text(FRAME.format(page=page.name, width=width))
    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--allow-file-access-from-files",
        "--enable-logging=stderr", "--v=0", "--hide-scrollbars", f"--user-data-dir={page.parent / 'profile'}",
        f"--window-size={max(width, 500)},3000", *(["--blink-settings=preferredColorScheme=0"] if dark else []),
    ]  # fmt: skip
    if picture is not None:
        _run([program, *options, f"--screenshot={picture}", frame.as_uri()])
    said = _run([program, *options, "--dump-dom", frame.as_uri()])
    title = re.search("<title>([^<]*)</title>", said.stdout)
    assert title is not None, said.stderr
    content, window, charts, background = title[1].split("|")
    complaints = [line for line in said.stderr.splitlines() if "CONSOLE" in line]
    return Shown(int(content), int(window), int(charts), background, complaints)


def _run(command: list[str]) -> "subprocess.CompletedProcess[str]":
    # Without a session bus, which it would look for in vain.
    quiet = {"DBUS_SESSION_BUS_ADDRESS": "disabled:", "DBUS_SYSTEM_BUS_ADDRESS": "disabled:"}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True, env=os.environ | quiet)
