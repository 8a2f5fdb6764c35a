"""Draws the dashboards of `boards` into dashboards/*.json: `python -m ops.grafana.draw [--check]`."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ops.grafana.boards import BOARDS, Panel
from services.runtime.pages import keep_page

FOLDER = Path("ops/grafana/dashboards")
SOURCE = {"type": "prometheus", "uid": "prometheus"}
SCHEMA = 41
COLUMNS = 24
HEIGHTS = {"stat": 4, "timeseries": 8}
OPTIONS = {
    "stat": {"reduceOptions": {"calcs": ["lastNotNull"]}, "textMode": "auto"},
    "timeseries": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi", "sort": "desc"}},
}


def board(name: str) -> dict[str, Any]:
    """Return a dashboard in Grafana's model."""
    title, panels = BOARDS[name]
    return {
        "uid": f"sewabazaar-{name}",
        "title": f"SewaBazaar: {title}",
        "tags": ["sewabazaar"],
        "schemaVersion": SCHEMA,
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-6h", "to": "now"},
        "links": [{"type": "dashboards", "title": "SewaBazaar", "tags": ["sewabazaar"], "asDropdown": False, "includeVars": False}],
        "panels": [_drawn(number, panel, place) for number, (panel, place) in enumerate(placed(panels), 1)],
    }


def placed(panels: Sequence[Panel]) -> Iterator[tuple[Panel, dict[str, int]]]:
    """Yield each panel with its place, in rows from left to right."""
    x = y = row = 0
    for panel in panels:
        height = HEIGHTS[panel.kind]
        if x + panel.width > COLUMNS:
            x, y, row = 0, y + row, 0
        yield panel, {"x": x, "y": y, "w": panel.width, "h": height}
        x, row = x + panel.width, max(row, height)


def _drawn(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": OPTIONS[panel.kind],
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for at, (legend, query) in enumerate(panel.queries.items())
        ],
    }


def main() -> int:
    """Write every dashboard, or compare; return the exit code."""
    pages = {FOLDER / f"{name}.json": json.dumps(board(name), indent=1) + "\n" for name in BOARDS}
    return max(keep_page(path, text, "python -m ops.grafana.draw") for path, text in pages.items())


if __name__ == "__main__":
    sys.exit(main())
