"""`problems` prints the catalogue, without a database, a queue or a token."""

from pathlib import Path

import pytest
from flow.conftest import make_settings
from flow.operators import Operator

from worker.domain.problems import CATALOGUE


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    """At a machine where nothing else runs."""
    away = {"database_url": "postgresql://nobody@127.0.0.1:9/none", "redis_url": "redis://127.0.0.1:9/0"}
    return Operator(make_settings(**away), tmp_path)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_every_code_is_printed(operator: Operator, language: str) -> None:
    """Each with who must act; English unless asked otherwise."""
    code, said, problem = await operator.run("problems", *(() if language == "en" else ("--lang", language)))
    assert (code, problem) == (0, "")
    rows = {line.split()[0]: line for line in said.splitlines() if line.split() and line.split()[0] in CATALOGUE}
    assert rows.keys() == CATALOGUE.keys()
    assert all(entry.actor.value in rows[entry.code] for entry in CATALOGUE.values())
    assert ("sevDesk refuses the API token." in said) == (language == "en")
    assert ("sevDesk lehnt das API-Token ab." in said) == (language == "de")


async def test_one_code_is_printed_whole(operator: Operator) -> None:
    """Cause and next step in the language asked for, and no other problem."""
    entry = CATALOGUE["partly_paid"]
    for language, other in (("en", "de"), ("de", "en")):
        code, said, _ = await operator.run("problems", "partly_paid", "--lang", language)
        words = said.split()
        assert code == 0 and "sevdesk_refused" not in words
        assert set((entry.cause[language] + " " + entry.next_step[language]).split()) <= set(words)
        assert not set(entry.cause[other].split()) <= set(words)


async def test_catalogue_is_printed_as_json(operator: Operator) -> None:
    """All of it, or one entry: names of the parameters, and both languages at once."""
    expected = [
        {
            "code": entry.code,
            "actor": entry.actor.value,
            "parameters": sorted(entry.parameters),
            "cause": dict(entry.cause),
            "next_step": dict(entry.next_step),
            "confirmable": entry.confirmable,
        }
        for entry in CATALOGUE.values()
    ]
    assert await operator.json("problems") == expected
    [one] = [entry for entry in expected if entry["code"] == "sums_differ"]
    assert await operator.json("problems", "sums_differ", "--lang", "de") == [one]


async def test_unknown_codes_and_languages_are_refused(operator: Operator) -> None:
    """Exit 2, and where all codes are listed."""
    code, said, problem = await operator.run("problems", "sum_differs")
    assert (code, said) == (2, "")
    assert "There is no problem 'sum_differs'" in problem and "sevdesk-worker problems lists all" in problem
    assert (await operator.run("problems", "--lang", "fr"))[0] == 2
