"""Starts the worker. In its wheel the package `worker` lies in this folder, not at the top of site-packages.

There its name would meet packages of others. So the folder comes first on the path of this process, and of those that
it starts. In a checkout `worker` lies elsewhere and is found without that.
"""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent


def main() -> None:
    """Entry point of the console script."""
    if (FOLDER / "worker").is_dir():
        sys.path.insert(0, str(FOLDER))
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, (str(FOLDER), os.environ.get("PYTHONPATH"))))
    from worker.__main__ import main as run

    run()
