"""Policies in Python do what the same policies of the placement crate do."""

import itertools
import sqlite3
from contextlib import closing

import plimsoll_sim as ps
import pytest


def numbers(result, label):
    """The runs of one policy, without its name."""
    return [
        {key: value for key, value in row.items() if key != "policy"} for row in result.rows if row["policy"] == label
    ]


def least_cpu_left(task, node):
    return task.cpu_milli - node.free_cpu_milli


def first(task, nodes):
    return next((node for node in nodes if node.fits(task)), None)


@pytest.mark.parametrize("supply", ["pool", "elastic"])
def test_a_score_is_the_same_policy_in_either_language(supply, request):
    policies = {
        "mine": ps.Score(least_cpu_left),
        "as a float": ps.Score(lambda task, node: least_cpu_left(task, node) / 7),
        "theirs": ps.BuiltIn("binpack-cpu"),
        "all alike": ps.Score(lambda task, node: False),
    }
    result = ps.run(request.getfixturevalue(supply), policies)
    assert result.policies == [*policies, "first-fit", "random"]
    assert numbers(result, "mine") == numbers(result, "as a float") == numbers(result, "theirs")
    assert numbers(result, "all alike") == numbers(result, "first-fit") != numbers(result, "mine")


def test_options_of_a_score_are_those_of_a_policy(pool):
    options = {"tie_break": "random", "node_order": "shuffled"}
    policies = {
        "mine": ps.Score(lambda task, node: -node.tasks, **options),
        "theirs": ps.BuiltIn("spread-tasks", **options),
        "two": ps.Score(lambda task, node: -node.tasks, samples=2, **options),
        "their two": ps.BuiltIn("power-of-k", by="spread-tasks", samples=2, **options),
    }
    result = ps.run(pool, policies)
    assert numbers(result, "mine") == numbers(result, "theirs")
    assert numbers(result, "two") == numbers(result, "their two") != numbers(result, "mine")


@pytest.mark.parametrize("supply", ["pool", "elastic"])
def test_place_decides_alone(supply, request):
    experiment = request.getfixturevalue(supply)
    tightest = ps.Place(
        lambda task, nodes: max((n for n in nodes if n.fits(task)), key=lambda n: least_cpu_left(task, n), default=None)
    )
    result = ps.run(experiment, {"first": ps.Place(first), "tightest": tightest, "cpu": ps.BuiltIn("binpack-cpu")})
    assert numbers(result, "first") == numbers(result, "first-fit")
    assert numbers(result, "tightest") == numbers(result, "cpu")


def test_a_task_may_be_refused_although_it_fits(pool):
    roomy = ps.Experiment(pool.text.replace("nodes = 12", "nodes = 200"))
    result = ps.run(
        roomy, {"small only": ps.Place(lambda task, nodes: first(task, nodes) if task.cpu_milli < 2000 else None)}
    )
    refused = [row["rejected"] for row in numbers(result, "small only")]
    assert all(25 < share < 45 for share in refused), refused
    assert {row["rejected"] for row in numbers(result, "first-fit")} == {0}


def test_an_elastic_supply_shows_the_nodes_in_use(elastic):
    seen = []

    def place(task, nodes):
        seen.append(([node.id for node in nodes], all(node.tasks > 0 for node in nodes)))

    result = ps.run(elastic, {"alone": ps.Place(place)}, seeds=[1])
    assert seen[0] == ([], True) and seen[1] == ([0], True)
    assert all(in_use for _, in_use in seen)
    (row,) = numbers(result, "alone")
    assert row["rejected"] == 0 and row["opens"] == 400


def test_what_is_remembered_ends_with_the_run(pool):
    seeds = []

    def next_fit(seed):
        seeds.append(seed)
        at = 0

        def place(task, nodes):
            nonlocal at
            for node in nodes[at:] + nodes[:at]:
                if node.fits(task):
                    at = node.id
                    return node
            return None

        return place

    both = ps.run(pool, {"next-fit": ps.Place.each_run(next_fit)}, seeds=[7, 3])
    assert seeds == [7, 3]
    alone = ps.run(pool, {"next-fit": ps.Place.each_run(next_fit)}, seeds=[3])
    assert numbers(both, "next-fit")[1:] == numbers(alone, "next-fit")


def test_tasks_and_nodes_show_what_there_is(devices_folder):
    tasks, nodes = set(), []

    def place(task, given):
        tasks.add(task)
        nodes.append(given[0])
        return first(task, given)

    result = ps.run(devices_folder, {"first": ps.Place(place)}, seeds=[1])
    assert numbers(result, "first") == numbers(result, "first-fit")
    kinds = {(t.cpu_milli, t.memory_mib, t.gpus, t.gpu_milli, t.gpu_milli_total, t.gpu_models) for t in tasks}
    assert kinds == {
        (1000, 1024, 1, 300, 300, None),
        (2000, 2048, 1, 1000, 1000, ("large",)),
        (2000, 2048, 2, 1000, 2000, None),
        (500, 512, 0, 0, 0, None),
        (1000, 1024, 1, 600, 600, ("large",)),
    }
    before, after = nodes[0], nodes[-1]
    assert (before.id, before.cpu_milli, before.memory_mib, before.gpus, before.gpu_model, before.tasks_max) == (
        0,
        32000,
        65536,
        4,
        "large",
        20,
    )
    assert (before.free_cpu_milli, before.free_memory_mib, before.tasks) == (32000, 65536, 0)
    assert (before.free_gpu_milli, before.free_gpu_milli_total) == ((1000,) * 4, 4000)
    assert after.free_gpu_milli_total == sum(after.free_gpu_milli) < 4000 and after.tasks > 0
    assert repr(before) == (
        "Node(id=0, free_cpu_milli=32000 of 32000, free_memory_mib=65536 of 65536, "
        'free_gpu_milli=(1000, 1000, 1000, 1000), gpu_model="large", tasks=0)'
    )
    assert "Task(cpu_milli=2000, memory_mib=2048, gpus=1, gpu_milli=1000, gpu_models=('large',))" in {
        repr(task) for task in tasks
    }


def test_scores_see_devices_too(devices_folder):
    def least_gpu_left(task, node):
        assert node.id is None and node.fits(task)
        return -node.free_gpu_milli_total

    policies = {"mine": ps.Score(least_gpu_left), "theirs": ps.BuiltIn("best-fit", dimensions=["gpu"])}
    result = ps.run(devices_folder, policies)
    assert numbers(result, "mine") == numbers(result, "theirs")


@pytest.mark.parametrize("supply", ["fixed", "elastic"])
def test_a_device_can_be_chosen(devices_folder, supply):
    experiment = ps.Experiment(
        devices_folder.text.replace("[cluster]", f'[cluster]\nsupply = "{supply}"'), devices_folder.folder
    )

    def tightest(task, node):
        assert task.gpu_milli < 1000 and node.id is None
        fitting = [at for at, free in enumerate(node.free_gpu_milli) if free >= task.gpu_milli]
        return min(fitting, key=lambda at: node.free_gpu_milli[at])

    def emptiest(task, node):
        return max(range(node.gpus), key=lambda at: node.free_gpu_milli[at])

    policies = {
        "tightest": ps.Score(lambda task, node: 0, device=tightest),
        "placed": ps.Place(first, device=tightest),
        "made": ps.Place.each_run(lambda seed: first, device=tightest),
        "emptiest": ps.Score(lambda task, node: 0, device=emptiest),
    }
    result = ps.run(experiment, policies)
    same = ["tightest", "placed", "made"]
    assert all(numbers(result, label) == numbers(result, "first-fit") for label in same)
    assert numbers(result, "emptiest") != numbers(result, "first-fit")


@pytest.mark.parametrize("queue", ["fifo", "backfill"])
def test_tasks_may_wait(pool, queue):
    experiment = ps.Experiment(pool.text.replace("[cluster]", f'[cluster]\nqueue = "{queue}"'))
    calls = 0

    def counted(task, nodes):
        nonlocal calls
        calls += 1
        return first(task, nodes)

    policies = {"placed": ps.Place(counted), "cpu": ps.BuiltIn("binpack-cpu"), "scored": ps.Score(least_cpu_left)}
    result = ps.run(experiment, policies)
    assert numbers(result, "placed") == numbers(result, "first-fit")
    assert numbers(result, "scored") == numbers(result, "cpu")
    assert max(row["queue_delay_max"] for row in numbers(result, "placed")) > 0
    (row,) = result.timing.where(policy="placed")
    assert calls > row["placements"], "who waits is asked about again"


def test_an_exception_about_a_task_that_waits_ends_the_run_at_once(pool):
    experiment = ps.Experiment(pool.text.replace("[cluster]", '[cluster]\nqueue = "backfill"'))
    asked = 0

    def place(task, nodes):
        nonlocal asked
        asked += 1
        if any(node.tasks < 2 for node in nodes) and asked > 100:
            raise LookupError(asked)
        return first(task, nodes) if asked <= 60 else None

    with pytest.raises(LookupError) as caught:
        ps.run(experiment, {"mine": ps.Place(place)}, seeds=[1])
    assert caught.value.args == (asked,)


def test_a_database_is_read(tmp_path):
    with closing(sqlite3.connect(tmp_path / "trace.sqlite")) as database:
        database.executescript(
            """
            CREATE TABLE vm (vmId INTEGER, vmTypeId INTEGER, starttime REAL, endtime REAL);
            CREATE TABLE vmType (vmTypeId INTEGER, machineId INTEGER, core REAL, memory REAL);
            INSERT INTO vmType VALUES (10, 7, 0.5, 0.25), (11, 7, 0.25, 0.0625);
            INSERT INTO vm VALUES (0, 10, -3.5, 0.5), (2, 11, 0.25, NULL), (4, 10, 0.125, 1);
            """
        )
    text = """
title = "packing"
[seeds]
first = 1
count = 1
[cluster]
identical = { nodes = 3, cpu_milli = 48000, memory_mib = 131072 }
[workload]
azure_packing = { database = "trace.sqlite", machine = 7, machine_cpu_milli = 48000, machine_memory_mib = 131072 }
"""
    needs = set()
    policy = ps.Score(lambda task, node: needs.add((task.cpu_milli, task.memory_mib)) or 0)
    result = ps.run(ps.Experiment(text, tmp_path), {"mine": policy})
    assert needs == {(24000, 32768), (12000, 8192)}
    assert numbers(result, "mine") == numbers(result, "first-fit")
    with pytest.raises(FileNotFoundError):
        ps.run(ps.Experiment(text.replace("trace.sqlite", "other.sqlite"), tmp_path))
    (tmp_path / "other.sqlite").write_text("no database at all, but long enough to be taken for one" * 9)
    with pytest.raises(ps.ExperimentError, match="expected a table vm with columns vmId, .*: file is not a database"):
        ps.run(ps.Experiment(text.replace("trace.sqlite", "other.sqlite"), tmp_path))


class HasFloat:
    """As numbers of other libraries are."""

    def __init__(self, value):
        self.value = value

    def __float__(self):
        return self.value


class HasIndex:
    def __index__(self):
        return 2


def test_scores_are_in_the_order_of_python_numbers():
    """The second of two nodes is taken only if its score is larger."""
    text = """
title = "order"
[seeds]
first = 0
count = 1
[cluster]
identical = { nodes = 2, cpu_milli = 4, memory_mib = 4 }
[workload.generated]
tasks = 2
arrivals = "at-once"
cpu_milli = { constant = 1 }
memory_mib = { constant = 1 }
"""

    def takes_second(empty, used):
        """The first task is on the first node; does the next one prefer the empty second?"""
        policy = ps.Score(lambda task, node: used if node.tasks else empty)
        (row,) = numbers(ps.run(ps.Experiment(text), {"mine": policy}), "mine")
        return row["hosts_used"] == 2

    ladder = [-1e308, -(2**53), -3, -2.5, HasFloat(-1.25), -5e-324, 0, 5e-324, True, 1.5, HasIndex(), 2**53, 1e300]
    for low, high in itertools.pairwise(ladder):
        assert takes_second(high, low) and not takes_second(low, high), (low, high)
    for equal in [(0.0, -0.0), (-0.0, 0.0), (2, 2.0), (HasIndex(), 2.0), (True, 1.0)]:
        assert not takes_second(*equal), equal
