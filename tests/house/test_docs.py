"""The documentation is the code's: every command, table, statement and link in it exists."""

import ast
import json
import re
import subprocess
from pathlib import Path

import asyncpg
import jsonschema
import pytest
import typer
from house.doc_tables import TABLES, in_file
from house.log_events import log_events
from house.markdown import PAGES, ROOT, anchors, blocks, code, links, prose, table_rows
from typer.main import get_command

from worker.__main__ import cli
from worker.domain.jobs import KINDS
from worker.domain.problems import CATALOGUE
from worker.operator.interface_schema import interface_schema
from worker.settings import JobLimit, Settings

OPERATING, INTEGRATING, DESIGN = (ROOT / f"docs/{name}.md" for name in ("operating", "integrating", "design"))
COMMANDS: dict[str, typer.core.TyperCommand] = get_command(cli).commands  # type: ignore[attr-defined]
# `sh` is checked by sh, `sql` by Postgres, `json` by the schema; `ts` and `python` run in tests/flow/test_examples.py,
# `dockerfile` in tests/flow/test_deploy.py, and `ini` is checked in test_packaging.py.
LANGUAGES = {"", "sh", "sql", "json", "ts", "python", "dockerfile", "ini"}
# What a shell block may run.
PROGRAMS = {"make", "pip", "npm", "npx", "cp", "psql", "sevdesk-worker", ".venv/bin/python"}
# Words about how the project came to be, and none of the reader's business.
FOREIGN = re.compile(r"\b(issue #?\d+|helpers?|prompts?|sub-?agents?|chatbot|language model|LLM|CEO|the user)\b", re.I)
SAID = [(page, span) for page in PAGES for span in code(page)]


def named(page: Path) -> str:
    """A page as a test's id."""
    return str(page.relative_to(ROOT))


def options_of(command: str) -> set[str]:
    """The command's options, `--json` and `--help` included."""
    declared = {option for parameter in COMMANDS[command].params for option in parameter.opts}
    return {option for option in declared if option.startswith("--")} | {"--help"}


def test_named_commands_and_options_exist() -> None:
    """`sevdesk-worker X --option`, wherever it is written as code."""
    wrong, seen = [], 0
    for page, span in SAID:
        for command, rest in re.findall(r"sevdesk-worker +([a-z][a-z-]*)([^#;]*)", span):
            seen += 1
            if command not in COMMANDS or set(re.findall(r"--[a-z][a-z-]*", rest)) - options_of(command):
                wrong.append(f"{named(page)}: {span}")
    assert seen > 60
    assert wrong == []


@pytest.mark.parametrize("command", COMMANDS)
def test_command_table_is_complete(command: str) -> None:
    """Each command has a row with all of its options and its exit codes."""
    found = [row for row in table_rows(OPERATING, "Commands") if row[0].startswith(f"`sevdesk-worker {command}")]
    assert found and all(re.fullmatch(r"[0-3]( [0-3])*", row[2]) for row in found)
    shown = {option for row in found for option in re.findall(r"--[a-z][a-z-]*", row[0])}
    assert shown == options_of(command) - {"--json", "--help"}


def test_switches_have_no_opposite() -> None:
    """A `--no-...` that only says what holds anyway breaks the help into narrow columns."""
    both = [f"{name}: {parameter.name}" for name, command in COMMANDS.items() for parameter in command.params
            if parameter.secondary_opts]  # fmt: skip
    assert both == []


def test_named_log_events_exist() -> None:
    """Each span like `token.refused` that begins as log events do is one."""
    events = set(log_events())
    said = {span for _, span in SAID if re.fullmatch(r"[a-z_]+\.[a-z_]+", span)}
    ours = {span for span in said if span.partition(".")[0] in {event.partition(".")[0] for event in events}}
    assert {"job.rejected", "token.refused"} <= ours and ours - events == set()


def test_named_make_targets_exist() -> None:
    """`make X`, wherever it is written as code."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    asked = {target for _, span in SAID for target in re.findall(r"(?:^|\s)make ([a-z]+)\b", span)}
    assert {"demo", "test", "bench", "docs"} <= asked <= targets


@pytest.mark.parametrize("name", TABLES)
def test_generated_table_is_current(name: str) -> None:
    """`make docs` writes what is there already."""
    file, make = TABLES[name]
    assert in_file(name, (ROOT / file).read_text())[1] == make() + "\n", "run: make docs"


def test_settings_table_is_complete() -> None:
    """Each setting with its default, and nothing else."""
    shown = {row[0].strip("`"): row[1] for row in table_rows(OPERATING, "Settings")[1:]}
    assert shown == {name.upper(): default(name) for name in Settings.model_fields}


def default(name: str) -> str:
    """As the table writes it."""
    field = Settings.model_fields[name]
    match field.default:
        case _ if field.is_required():
            return "required"
        case JobLimit(jobs, seconds):
            return f"{jobs}/{seconds:.0f}"
        case float(number):
            return f"{number:g}"
        case None | {}:
            return "none"
        case bool(value):
            return str(value).lower()
        case value:
            return str(value)


def test_readme_lists_every_job_kind() -> None:
    """The job table is the contract's, with every field of each payload."""
    shown = {row[0].strip("`").split()[0]: row[0] for row in table_rows(ROOT / "README.md", "What it does")[1:]}
    assert list(shown) == list(KINDS)
    for kind in KINDS.values():
        fields = set(kind.payload.model_fields)
        listed = set(re.findall(r"[a-z_]+", shown[kind.name].partition("{")[2]))
        assert listed == (set() if kind.name == "update_config" else fields)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_have_a_known_language(page: Path) -> None:
    """So that each is checked by somebody."""
    assert {block.language for block in blocks(page)} <= LANGUAGES
    assert page.read_text().count("```") % 2 == 0


def test_shell_blocks_are_shell() -> None:
    """sh can read them, and they start nothing but what a reader has."""
    found = [block for page in PAGES for block in blocks(page, "sh")]
    assert len(found) > 4
    for block in found:
        assert subprocess.run(["sh", "-n"], input=block.text, text=True, capture_output=True).returncode == 0
        assert {line.split()[0] for line in block.text.splitlines()} <= PROGRAMS, named(block.page)


async def test_sql_blocks_prepare(database_url: str) -> None:
    """Each statement fits the migrated schema."""
    found = [block.text for page in PAGES for block in blocks(page, "sql")]
    statements = [statement for text in found for statement in text.split(";\n") if statement.strip()]
    assert len(statements) >= 4
    connection = await asyncpg.connect(database_url)
    for statement in statements:
        await connection.prepare(statement)
    await connection.close()


def test_json_blocks_are_notifications() -> None:
    """Each is one that the schema of notifications allows."""
    found = blocks(INTEGRATING, "json")
    assert len(found) == 3
    for block in found:
        jsonschema.validate(json.loads(block.text), interface_schema()["notifications"])
    assert not [page for page in PAGES if page != INTEGRATING and blocks(page, "json")]


def test_python_blocks_compile() -> None:
    """Those outside of integrating.md, which a flow test runs, are fragments inside a coroutine; their imports work."""
    for block in (block for page in PAGES if page != INTEGRATING for block in blocks(page, "python")):
        tree = compile(block.text, named(block.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT | ast.PyCF_ONLY_AST)
        imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        exec(compile(ast.Module(imports, []), named(block.page), "exec"), {})  # noqa: S102 - our own documentation


def test_typescript_stands_where_it_is_run() -> None:
    """tests/flow/test_examples.py runs integrating.md's, and knows of no other."""
    assert [named(page) for page in PAGES for _ in blocks(page, "ts")] == [named(INTEGRATING)]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    """Every file and every heading that is linked exists."""
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_is_linked() -> None:
    """From the README one can reach every page."""
    reached, ahead = set(), {ROOT / "README.md"}
    while ahead:
        page = ahead.pop()
        reached.add(page)
        targets = {(page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link}
        ahead |= {target for target in targets if target in PAGES} - reached
    assert reached == set(PAGES)


def test_named_files_exist() -> None:
    """Every path below one of our folders, written as code."""
    pattern = re.compile(r"(?<![\w/.])(?:worker|sevdesk_client|sql|tests|docs)/[\w./-]*")
    wrong = [f"{named(page)}: {path}" for page, span in SAID for path in pattern.findall(span)
             if not (ROOT / path).exists()]  # fmt: skip
    assert wrong == []


async def test_named_tables_exist(database_url: str) -> None:
    """Every `sevdesk_...` of Postgres, and each of our tables stands in design.md."""
    connection = await asyncpg.connect(database_url)
    ours = "SELECT tablename FROM pg_tables WHERE tablename LIKE 'sevdesk\\_%'"
    tables = {row[0] for row in await connection.fetch(ours)}
    names = await connection.fetch("""SELECT proname FROM pg_proc WHERE proname LIKE 'sevdesk\\_%' UNION
                                      SELECT column_name FROM information_schema.columns""")
    await connection.close()
    known = tables | {row[0] for row in names} | CATALOGUE.keys()
    # package, channel, roles, the schema of own-tables.md
    known |= {"sevdesk_client", "sevdesk_events", "sevdesk_worker", "sevdesk_billing", "sevdesk_views"}
    said = {(name, named(page)) for page, span in SAID for name in re.findall(r"\bsevdesk_[a-z_]*[a-z]\b", span)}
    assert [each for each in said if each[0] not in known and not each[0].startswith("sevdesk_worker_")] == []
    assert tables <= {name for name, page in said if page == named(DESIGN)}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_pages_speak_of_the_product_only(page: Path) -> None:
    """Not of how it was made."""
    assert FOREIGN.findall(prose(page)) == []


def test_planted_faults_are_noticed(tmp_path: Path) -> None:
    """The readers see a block, a span over a line end, a link and a heading."""
    page = tmp_path / "page.md"
    page.write_text("# A *b*, c\n\nSee `sevdesk-worker\nnope` and [x](gone.md#y).\n\n```sql\nSELECT 1;\n```\n")
    assert [block.text for block in blocks(page, "sql")] == ["SELECT 1;\n"]
    assert code(page) == ["sevdesk-worker nope", "SELECT 1;"]
    assert (links(page), anchors(page)) == (["gone.md#y"], {"a-b-c"})
