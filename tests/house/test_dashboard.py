"""The Grafana dashboard: every panel says what it shows, has its place, and a figure has its colours."""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import worker

BOARD = json.loads((Path(worker.__file__).parent / "observability" / "dashboard.json").read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
SHOWN = [panel for panel in PANELS if panel["type"] != "row"]


def test_every_panel_is_described() -> None:
    """One sentence at least, a unit, and an id and a title of its own."""
    assert all(len(panel["description"]) > 15 and panel["fieldConfig"]["defaults"]["unit"] for panel in SHOWN)
    assert len({panel["id"] for panel in PANELS}) == len({panel["title"] for panel in PANELS}) == len(PANELS)


def test_figures_have_their_colours() -> None:
    """Thresholds rise, the first one without a value, as Grafana wants them."""
    for panel in SHOWN:
        if panel["type"] == "stat":
            first, *others = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            values = [step["value"] for step in others]
            assert first["value"] is None and values == sorted(values), panel["title"]


def test_panels_do_not_overlap() -> None:
    """Each lies within 24 columns, below a row's title, and on no other."""
    assert PANELS[0]["type"] == "row" and "Business" in [panel["title"] for panel in PANELS]
    places = [panel["gridPos"] for panel in PANELS]
    assert all(p["x"] >= 0 and p["x"] + p["w"] <= 24 for p in places)
    for one, other in combinations(places, 2):
        apart = (one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
                 or one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])  # fmt: skip
        assert apart, (one, other)
