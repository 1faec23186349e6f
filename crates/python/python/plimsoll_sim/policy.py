"""What can be compared: a score, a whole decision, or a policy of the placement crate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, SupportsFloat, SupportsIndex, Union

from ._native import Node, Task

TieBreak = Literal["first", "random"]
NodeOrder = Literal["given", "name", "shuffled"]
Option = Union[int, str, "list[str]"]
PlaceFunction = Callable[[Task, "list[Node]"], "Node | None"]
DeviceFunction = Callable[[Task, Node], SupportsIndex]


class Policy(Protocol):
    """One of `Score`, `Place` and `BuiltIn`."""

    def _given(self) -> dict[str, Any]: ...


def _callable(function: object, what: str) -> None:
    if not callable(function):
        raise TypeError(f"expected {what}, found {function!r}")


@dataclass(frozen=True)
class Score:
    """The node with the largest score gets the task.

    `function(task, node)` is only asked where the task fits, and sees the node as it is before the task is there. It
    must be a pure function of the two: a score is kept until the node changes, for all tasks with the same needs. Any
    finite number is a score; a whole one must be within 2**53 of zero.

    tie_break: which of equally good nodes is taken, "first" in node order or a "random" one.
    node_order: "given" as the cluster lists them, by "name", or "shuffled" anew for each seed.
    samples: look at so many nodes, drawn from those where the task fits, instead of at all of them.
    device: `device(task, node)` is the number of the device that a task which shares one gets, asked after the node was
        chosen; without, the fitting one with the least left.
    """

    function: Callable[[Task, Node], SupportsFloat | SupportsIndex]
    tie_break: TieBreak = "first"
    node_order: NodeOrder = "given"
    samples: int | None = None
    device: DeviceFunction | None = None

    def __post_init__(self) -> None:
        _callable(self.function, "a function score(task, node)")
        if self.device is not None:
            _callable(self.device, "a function device(task, node)")
        if self.samples is not None and not 1 <= self.samples < 2**32:
            raise ValueError(f"expected at least one sample, found {self.samples}")

    def _given(self) -> dict[str, Any]:
        options = {"tie_break": self.tie_break, "node_order": self.node_order}
        return {
            "kind": "python score",
            "options": options,
            "function": self.function,
            "device": self.device,
            "samples": self.samples,
        }


@dataclass(frozen=True)
class Place:
    """The function decides alone.

    `function(task, nodes)` gets all open nodes in node order, also those where the task does not fit
    (`node.fits(task)` says), and returns one of them where it does, or None to refuse the task. Where the experiment's
    supply is elastic the list has the nodes that have tasks, and None means the next empty node that takes it.

    It is asked in order of arrival, again about tasks that wait in a queue, and may remember things; `Place.each_run` makes it afresh for every
    run, so that nothing is remembered from one seed to the next.

    node_order: "given" as the cluster lists them, by "name", or "shuffled" anew for each seed.
    device: as for `Score`.
    """

    function: PlaceFunction
    node_order: NodeOrder = "given"
    device: DeviceFunction | None = None
    _make: Callable[[int], PlaceFunction] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        _callable(self.function, "a function place(task, nodes)")
        if self.device is not None:
            _callable(self.device, "a function device(task, node)")

    @classmethod
    def each_run(
        cls,
        make: Callable[[int], PlaceFunction],
        node_order: NodeOrder = "given",
        device: DeviceFunction | None = None,
    ) -> Place:
        """`make(seed)` returns the function for a run with that seed."""
        _callable(make, "a function make(seed) that returns a function place(task, nodes)")

        def unmade(task: Task, nodes: list[Node]) -> Node | None:
            raise TypeError("this policy is made for each run")

        return cls(unmade, node_order, device, make)

    def _given(self) -> dict[str, Any]:
        function = self.function
        make = self._make or (lambda seed: function)
        options = {"node_order": self.node_order}
        return {"kind": "python place", "options": options, "function": make, "device": self.device, "samples": None}


@dataclass(frozen=True, init=False)
class BuiltIn:
    """A policy of the placement crate, as in a [[policy]] table of the TOML file; `policies()` lists them.

    BuiltIn("best-fit", dimensions=["cpu"], tie_break="random")
    """

    name: str
    options: Mapping[str, Option]

    def __init__(self, name: str, /, **options: Option) -> None:
        for option, value in options.items():
            texts = isinstance(value, (list, tuple)) and all(isinstance(text, str) for text in value)
            if isinstance(value, bool) or not (isinstance(value, (int, str)) or texts):
                raise TypeError(f"option {option}: expected a whole number, a text or a list of texts, found {value!r}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "options", options)

    def _given(self) -> dict[str, Any]:
        return {"kind": self.name, "options": dict(self.options), "function": None, "device": None, "samples": None}
