"""Placement policies in Python, run by Plimsoll's simulator.

    import plimsoll_sim as ps

    def score(task, node):                      # larger is better
        return -(node.free_cpu_milli - task.cpu_milli)

    result = ps.run("experiment.toml", {"tightest cpu": ps.Score(score)}, seeds=range(10))
    print(result)                               # the report's table
    print(result.compare("tightest cpu"))       # against first-fit, seed by seed
    result.write("out")                         # CSV, JSON, HTML

The experiment is the TOML file of ``plimsoll sim run``; docs/experiments.md has its keys, metrics and files.
"""

from ._native import ExperimentError, Node, Task
from .experiment import Experiment, metrics, policies, run
from .policy import BuiltIn, Place, Policy, Score
from .result import Result
from .table import Table

__all__ = [
    "BuiltIn",
    "Experiment",
    "ExperimentError",
    "Node",
    "Place",
    "Policy",
    "Result",
    "Score",
    "Table",
    "Task",
    "metrics",
    "policies",
    "run",
]
