"""What came out of an experiment."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

from . import _native
from .table import Row, Table, aligned


class Result:
    """The runs of an experiment, and what they say together. Printed, it is the report's table."""

    def __init__(self, native: _native.Results) -> None:
        self._native = native

    @property
    def title(self) -> str:
        """The experiment's title."""
        return self._native.title

    @property
    def policies(self) -> list[str]:
        """Labels: those of the file, those that were added, and the baselines that were missing."""
        return self._native.policies

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return self._native.seeds

    @property
    def metrics(self) -> list[str]:
        """Metrics of the report, the most important one first."""
        return self._native.metrics

    @cached_property
    def rows(self) -> Table:
        """A row per run: swept parameters, policy, seed and every metric. None where a metric means nothing."""
        return Table(self._native.rows())

    @cached_property
    def timing(self) -> Table:
        """Seconds and placements per second of each policy. The only numbers that are not the same every time."""
        return Table(self._native.timing())

    def summary(self, metrics: str | Iterable[str] | None = None) -> Table:
        """A row per policy and metric: mean, 95 % interval (Student's t), difference to first-fit paired by seed.

        metrics: one or several keys, or "all"; without, those of the report.
        """
        return self._chosen(self._native.summary(), metrics)

    def compare(self, policy: str, other: str | None = None, metrics: str | Iterable[str] | None = None) -> Table:
        """`policy` against `other` (first-fit, unless named): the paired t test over seeds, a row per metric.

        `difference` is `mean - other_mean` and `half_width_95` half of its 95 % interval; `significant` is p < 0.05;
        `verdict` is "better", "worse" or "no difference shown". metrics: as for `summary`.
        """
        return self._chosen(self._native.compare(policy, other or self._native.reference), metrics)

    def curves(self, metrics: str | Iterable[str] | None = "all") -> Table:
        """A row per policy, metric and sample along the run: mean and 95 % interval over seeds."""
        return self._chosen(self._native.curves(), metrics)

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Writes report.html, summary.json, summary.csv, runs.csv and curves.csv, as `plimsoll sim run` does."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for name, text in self._native.files():
            path = folder / name
            path.write_text(text, encoding="utf-8", newline="")
            paths.append(path)
        return paths

    def _chosen(self, rows: list[Row], metrics: str | Iterable[str] | None) -> Table:
        if metrics == "all":
            return Table(rows)
        keys = self.metrics if metrics is None else [metrics] if isinstance(metrics, str) else list(metrics)
        known = [row["metric"] for row in _native.metrics()]
        for key in keys:
            if key not in known:
                raise KeyError(f"unknown metric {key!r}, expected one of {', '.join(known)}")
        order = {key: at for at, key in enumerate(keys)}
        # Rows of one policy stay together; sorting is stable.
        chosen = [row for row in rows if row["metric"] in order]
        blocks: dict[tuple[object, ...], list[Row]] = {}
        for row in chosen:
            block = tuple(value for name, value in row.items() if name == "policy" or name in self._parameters)
            blocks.setdefault(block, []).append(row)
        return Table(row for block in blocks.values() for row in sorted(block, key=lambda row: order[row["metric"]]))

    @property
    def _parameters(self) -> list[str]:
        """Swept parameters."""
        names = list(self.rows[0])
        return names[: names.index("policy")]

    def __str__(self) -> str:
        rows = self.summary()
        titles = {row["metric"]: row["title"] for row in _native.metrics()}
        head = ["policy", *(titles[key] for key in self.metrics)]
        units = ["", *(next((f"({row['unit']})" for row in rows if row["metric"] == key), "") for key in self.metrics)]
        text = [self.title, ""]
        points: dict[tuple[object, ...], list[Row]] = {}
        for row in rows:
            points.setdefault(tuple(row[name] for name in self._parameters), []).append(row)
        for point, of_point in points.items():
            if point:
                text.append(", ".join(f"{name} = {value}" for name, value in zip(self._parameters, point)))
            cells = {(row["policy"], row["metric"]): _cell(row) for row in of_point}
            body = [[label, *(cells.get((label, key), "–  ") for key in self.metrics)] for label in self.policies]
            text += [aligned([head, units, *body], [False, *(True for _ in self.metrics)]), ""]
        text.append(
            f"± 95 % over {len(self.seeds)} seeds; * differs from {self._native.reference} (paired t test, p < 0.05)"
        )
        return "\n".join(text)

    def __repr__(self) -> str:
        return f"<Result {self.title!r}: {len(self.policies)} policies, {len(self.seeds)} seeds>"


def _cell(row: Row) -> str:
    half = row["half_width_95"]
    interval = "" if half is None else f" ± {half:.2f}"
    return f"{row['mean']:.2f}{interval}{' *' if row['significant'] else '  '}"
