"""How much memory a process has had at most."""

import resource
import sys
from pathlib import Path


def peak_rss() -> int:
    """Bytes. On Linux ru_maxrss begins with what the parent had when it forked, so our own mark comes first."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024
    except (OSError, StopIteration):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
