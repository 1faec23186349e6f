"""Experiments small enough to run many times."""

import plimsoll_sim as ps
import pytest

POOL = """
title = "a small pool"
[seeds]
first = 1
count = 5
[cluster]
identical = { nodes = 12, cpu_milli = 8000, memory_mib = 16384 }
[workload.generated]
tasks = 400
arrivals = { poisson = { per_hour = 600 } }
lifetime_s = { exponential = { mean = 1800 } }
cpu_milli = { choice = { values = [500, 1000, 2000] } }
memory_mib = { choice = { values = [1024, 2048, 6144] } }
"""


@pytest.fixture
def pool():
    return ps.Experiment(POOL)


@pytest.fixture
def elastic():
    return ps.Experiment(
        POOL.replace("[cluster]", '[cluster]\nsupply = "elastic"').replace("nodes = 12", "nodes = 300")
    )


@pytest.fixture
def devices():
    """Two kinds of GPU nodes, and tasks that share devices, take whole ones, or want a model."""
    return ps.Experiment(
        """
title = "devices"
[seeds]
first = 1
count = 2
[cluster]
csv = "nodes.csv"
[workload]
csv = "tasks.csv"
order = "shuffled"
"""
    )


@pytest.fixture
def devices_folder(devices, tmp_path):
    nodes = [f"n{at},32000,65536,{2 if at % 2 else 4},{'small' if at % 2 else 'large'},20" for at in range(6)]
    (tmp_path / "nodes.csv").write_text("\n".join(["name,cpu_milli,memory_mib,gpus,gpu_model,tasks_max", *nodes]))
    kinds = [
        "1000,1024,1,300,",
        "2000,2048,1,1000,large",
        "2000,2048,2,1000,",
        "500,512,,,",
        "1000,1024,1,600,large|none",
    ]
    (tmp_path / "tasks.csv").write_text("\n".join(["cpu_milli,memory_mib,gpus,gpu_milli,gpu_models", *(kinds * 12)]))
    return ps.Experiment(devices.text, tmp_path, "devices.toml")
