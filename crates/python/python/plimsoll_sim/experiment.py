"""Reading an experiment and running it."""

from __future__ import annotations

import csv
import io
import operator
import os
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import _native
from ._native import ExperimentError
from .policy import BuiltIn, Place, Policy, Score
from .result import Result
from .table import Table

SEEDS_MAX = 10_000


@dataclass(frozen=True)
class Experiment:
    """The text of a TOML file, for experiments that have no file of their own.

    text: what the file would hold.
    folder: where the files it names are.
    name: what errors call it.
    """

    text: str
    folder: str | os.PathLike[str] = "."
    name: str = "experiment"

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Experiment:
        """The experiment in this file."""
        path = Path(path)
        return cls(_text(path), path.parent, str(path))


def _table(path: Path, table: str, columns: list[str]) -> str:
    """A table of an SQLite database as CSV without a header, in the order in which it was written."""
    path.stat()  # opening what is not there says only that it cannot be opened
    texts = ", ".join(f"CAST({column} AS TEXT)" for column in columns)
    rows = io.StringIO()
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            csv.writer(rows, lineterminator="\n").writerows(
                database.execute(f"SELECT {texts} FROM {table} ORDER BY rowid")
            )
    except sqlite3.Error as error:
        expected = f"expected a table {table} with columns {', '.join(columns)}"
        raise ExperimentError(f"{path}: {expected}: {error}") from error
    return rows.getvalue()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ExperimentError(f"{path} is not text in UTF-8") from error


def run(
    experiment: str | os.PathLike[str] | Experiment,
    policies: Mapping[str, Policy] | None = None,
    *,
    seeds: Iterable[int] | None = None,
    threads: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> Result:
    """Runs an experiment with more policies beside those of its file; first-fit and random are always there.

    experiment: a TOML file as for `plimsoll sim run`, or an `Experiment`.
    policies: `Score`, `Place` or `BuiltIn` by label.
    seeds: instead of those of the file. One seed fixes tasks and node order for every policy.
    threads: how many carry out the runs of built-in policies, beside the calling one, where those in Python run; 0 is
        one per core. The results do not depend on it.
    progress: called with the number of runs done and the number of all, after each that is done.

    An exception in a policy ends the run and is raised here, with its traceback; Ctrl-C does too. Raises
    `ExperimentError` for what is wrong with the experiment or a file it names, `TypeError` or `ValueError` for what a
    policy returned.
    """
    if not isinstance(experiment, Experiment):
        experiment = Experiment.read(experiment)
    threads = operator.index(threads)
    if threads < 0:
        raise ValueError(f"expected 0 or more threads, found {threads}")
    native = _native.Experiment(experiment.name, experiment.text)
    folder = Path(experiment.folder)
    files = {name: _text(folder / name) for name in native.files}
    for database, tables in native.databases:
        files |= {name: _table(folder / database, table, columns) for name, table, columns in tables}
    if policies is not None and not isinstance(policies, Mapping):
        raise TypeError(f"expected policies by label, found {policies!r}")
    given = [_given(label, policy) for label, policy in (policies or {}).items()]
    how = {"seeds": None if seeds is None else _checked(seeds), "threads": threads, "progress": progress}
    return Result(native.run(files, given, how))


def _given(label: object, policy: object) -> dict[str, Any]:
    if not isinstance(label, str) or not label:
        raise TypeError(f"expected a policy's label, found {label!r}")
    if not isinstance(policy, (Score, Place, BuiltIn)):
        raise TypeError(f"policy {label!r}: expected a Score, a Place or a BuiltIn, found {policy!r}")
    return {"label": label, **policy._given()}


def _checked(seeds: Iterable[int]) -> list[int]:
    numbers = [operator.index(seed) for seed in seeds]
    if not 1 <= len(numbers) <= SEEDS_MAX:
        raise ValueError(f"expected 1 to {SEEDS_MAX} seeds, found {len(numbers)}")
    if len(set(numbers)) < len(numbers):
        # The same run twice would pass for two.
        raise ValueError("expected each seed once")
    for seed in numbers:
        if not 0 <= seed < 2**64:
            raise ValueError(f"expected seeds from 0 to 2**64 - 1, found {seed}")
    return numbers


def policies() -> Table:
    """The policies of the placement crate, what they prefer, and their options."""
    return Table(_native.policies())


def metrics() -> Table:
    """Everything that is measured: key, title, unit, which way is better, and what it is."""
    return Table(_native.metrics())
