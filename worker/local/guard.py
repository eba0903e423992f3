"""Programs that end together with the process that started them, even when that is killed with SIGKILL."""

import subprocess
from contextlib import suppress

# The shell starts a watcher and then becomes the program, so `$$` is the program. The watcher reads from a pipe that
# only the starting process writes to: a line ends the watcher alone, the end of the pipe interrupts the program. It is
# forked twice so that nobody has to wait for it. Plain POSIX sh, so that no Python code runs between fork and exec.
_GUARD = 'exec 3<&0 </dev/null; ( ( read -r _ <&3 || kill -INT $$ ) & ); exec "$@" 3<&-'


def guarded(name: str, command: list[str]) -> list[str]:
    """The command that runs `command` with a guard. Start it with `stdin=subprocess.PIPE`."""
    return ["/bin/sh", "-c", _GUARD, name, *command]


def release_guard(process: "subprocess.Popen[bytes]") -> None:
    """Ends the watcher of a guarded process, which has ended."""
    assert process.stdin is not None
    with suppress(BrokenPipeError):
        process.stdin.write(b"\n")
        process.stdin.flush()
    with suppress(BrokenPipeError):
        process.stdin.close()
