"""Every log event the worker can say, found in its code. Run as a script, it prints the table of docs/operating.md.

A part of a name that is only known at run time is shown by the name of what is put there: `job.<state>`.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).resolve().parents[2] / "worker"
LEVELS = {"debug": "debug", "info": "info", "warning": "warning", "error": "error", "exception": "error"}
# What a logger is called here, and a logger's method chosen beforehand.
LOGGERS, CHOSEN = {"log"}, {"say": "info or warning"}

Said = dict[str, tuple[set[str], set[str]]]


def log_events(folder: Path = WORKER) -> Said:
    """Event name -> (levels, fields), over every module that has a structlog logger."""
    found: Said = {}
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text()
        if "structlog.get_logger" not in source:
            continue
        for level, call in _calls(ast.parse(source)):
            for name in _names(call.args[0]):
                levels, fields = found.setdefault(name, (set(), set()))
                levels.add(level)
                fields.update(_fields(call))
    return found


def table(said: Said) -> str:
    """The table of docs/operating.md: sorted, one line an event."""
    lines = ["| event | level | fields |", "|---|---|---|"]
    for name, (levels, fields) in sorted(said.items()):
        lines.append(f"| `{name}` | {', '.join(sorted(levels))} | {', '.join(sorted(fields))} |")
    return "\n".join(lines)


def _calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        match node.func:
            case ast.Attribute(value=ast.Name(id=logger), attr=method) if logger in LOGGERS and method in LEVELS:
                yield LEVELS[method], node
            case ast.Name(id=method) if method in CHOSEN:
                yield CHOSEN[method], node


def _fields(call: ast.Call) -> Iterator[str]:
    """The keywords; a traceback becomes the field `exception` (structlog's format_exc_info)."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "exception":
        yield "exception"
    for keyword in call.keywords:
        if keyword.arg:
            yield "exception" if keyword.arg == "exc_info" else keyword.arg


def _names(argument: ast.expr) -> list[str]:
    match argument:
        case ast.Constant(value=str(name)):
            return [name]
        case ast.IfExp(body=one, orelse=other):
            return [*_names(one), *_names(other)]
        case ast.JoinedStr(values=parts):
            return ["".join(_part(part) for part in parts)]
    raise ValueError(f"line {argument.lineno}: an event name must be readable from the code")


def _part(part: ast.expr) -> str:
    if isinstance(part, ast.FormattedValue):
        return f"<{ast.unparse(part.value).rpartition('.')[2].lstrip('_')}>"
    assert isinstance(part, ast.Constant)
    return str(part.value)


if __name__ == "__main__":
    print(table(log_events()))
