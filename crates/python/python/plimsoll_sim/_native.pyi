"""The simulator itself, compiled from Rust."""

from collections.abc import Mapping, Sequence
from typing import Any, final

__all__ = ["Experiment", "ExperimentError", "Node", "Results", "Task", "metrics", "policies"]

class ExperimentError(ValueError):
    """What is wrong with an experiment or a file it names: file, line, column and what was expected."""

@final
class Task:
    """What one task needs. Tasks with equal needs are equal."""

    @property
    def cpu_milli(self) -> int:
        """Thousandths of a core."""
    @property
    def memory_mib(self) -> int: ...
    @property
    def gpus(self) -> int:
        """Devices."""
    @property
    def gpu_milli(self) -> int:
        """Thousandths of each device; below 1000 the task shares its device."""
    @property
    def gpu_milli_total(self) -> int:
        """Thousandths of a device over all devices."""
    @property
    def gpu_models(self) -> tuple[str, ...] | None:
        """Names of the models it may run on, as far as the cluster has them; None for any."""
    def __hash__(self) -> int: ...

@final
class Node:
    """One node as it is at the moment it is shown."""

    @property
    def id(self) -> int | None:
        """Its number in node order, from 0. None in a score function: nodes in the same state get the same score."""
    @property
    def cpu_milli(self) -> int:
        """All it has, in thousandths of a core."""
    @property
    def memory_mib(self) -> int: ...
    @property
    def gpus(self) -> int:
        """Devices."""
    @property
    def gpu_model(self) -> str | None: ...
    @property
    def tasks_max(self) -> int | None:
        """Tasks it may hold at once; None for any number."""
    @property
    def free_cpu_milli(self) -> int: ...
    @property
    def free_memory_mib(self) -> int: ...
    @property
    def free_gpu_milli(self) -> tuple[int, ...]:
        """Thousandths left on each device."""
    @property
    def free_gpu_milli_total(self) -> int:
        """Thousandths left over all devices."""
    @property
    def tasks(self) -> int:
        """Tasks on it."""
    def fits(self, task: Task) -> bool:
        """Whether it takes the task."""

@final
class Experiment:
    def __new__(cls, name: str, text: str) -> Experiment: ...
    @property
    def files(self) -> list[str]: ...
    @property
    def databases(self) -> list[tuple[str, list[tuple[str, str, list[str]]]]]: ...
    def run(
        self, files: Mapping[str, str], policies: Sequence[Mapping[str, Any]], how: Mapping[str, Any]
    ) -> Results: ...

@final
class Results:
    @property
    def title(self) -> str: ...
    @property
    def reference(self) -> str: ...
    @property
    def seeds(self) -> list[int]: ...
    @property
    def policies(self) -> list[str]: ...
    @property
    def metrics(self) -> list[str]: ...
    def files(self) -> list[tuple[str, str]]: ...
    def rows(self) -> list[dict[str, Any]]: ...
    def summary(self) -> list[dict[str, Any]]: ...
    def compare(self, policy: str, other: str) -> list[dict[str, Any]]: ...
    def curves(self) -> list[dict[str, Any]]: ...
    def timing(self) -> list[dict[str, Any]]: ...

def policies() -> list[dict[str, Any]]: ...
def metrics() -> list[dict[str, Any]]: ...
