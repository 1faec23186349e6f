"""Every mistake is named, and ends the run at once."""

import os
import signal
import subprocess
import sys
import threading
import time
import traceback

import plimsoll_sim as ps
import pytest


def test_an_exception_comes_out_as_it_was_raised(pool):
    class Mine(Exception):
        pass

    raised = Mine("no idea")
    calls = 0

    def score(task, node):
        nonlocal calls
        calls += 1
        if calls == 100:
            raise raised
        return 0

    with pytest.raises(Mine) as caught:
        ps.run(pool, {"mine": ps.Score(score)})
    assert caught.value is raised and calls == 100
    assert "raise raised" in "".join(traceback.format_tb(caught.value.__traceback__))
    if sys.version_info >= (3, 11):
        (note,) = raised.__notes__
        assert note.startswith('policy "mine": the score of Task(cpu_milli=') and " on Node(" in note


def test_an_exception_in_place_comes_out_too(pool):
    with pytest.raises(ZeroDivisionError) as caught:
        ps.run(pool, {"mine": ps.Place(lambda task, nodes: nodes[1 // 0])})
    if sys.version_info >= (3, 11):
        assert caught.value.__notes__[0].startswith('policy "mine": placing Task(')
    with pytest.raises(KeyError):
        ps.run(pool, {"mine": ps.Place.each_run(lambda seed: {}[seed])})


@pytest.mark.parametrize(
    ("returned", "error", "message"),
    [
        (None, TypeError, "returned None of type NoneType, expected a number"),
        ("7", TypeError, "returned '7' of type str, expected a number"),
        (1j, TypeError, "returned 1j of type complex, expected a number"),
        (float("nan"), ValueError, "returned NaN, expected a finite number"),
        (float("-inf"), ValueError, "returned -inf, expected a finite number"),
        (2**53 + 1, ValueError, "returned 9007199254740993, expected a whole number within ±2**53, or a float"),
        (-(10**30), ValueError, "expected a whole number within"),
    ],
)
def test_what_is_no_score(pool, returned, error, message):
    with pytest.raises(error, match='policy "mine": the score of Task') as caught:
        ps.run(pool, {"mine": ps.Score(lambda task, node: returned)})
    assert message in str(caught.value)


def test_what_is_no_place(pool):
    kept = []

    def stale(task, nodes):
        kept.append(nodes[0])
        return kept[0]

    scored = []
    ps.run(pool, {"mine": ps.Score(lambda task, node: scored.append(node) or 0)}, seeds=[1])

    def full(task, nodes):
        return next((node for node in nodes if not node.fits(task)), nodes[0])

    for place, error, message in [
        (lambda task, nodes: 0, TypeError, "returned 0 of type int, expected a node or None"),
        (lambda task, nodes: task, TypeError, "of type Task, expected a node or None"),
        (stale, ValueError, "which is not in the list it was given"),
        (lambda task, nodes: scored[0], ValueError, "which is not in the list it was given"),
        (full, ValueError, "where it does not fit"),
    ]:
        with pytest.raises(error, match='policy "mine": placing Task') as caught:
            ps.run(pool, {"mine": ps.Place(place)})
        assert message in str(caught.value)


@pytest.mark.parametrize("supply", ["fixed", "elastic"])
def test_what_is_no_device(devices_folder, supply):
    text = devices_folder.text.replace("[cluster]", f'[cluster]\nsupply = "{supply}"')
    experiment = ps.Experiment(text, devices_folder.folder)

    def broken(task, node):
        raise LookupError

    for device, error, message in [
        (lambda task, node: 16, ValueError, "returned 16, which is no device where it fits"),
        (lambda task, node: -1, ValueError, "returned -1, which is no device where it fits"),
        (lambda task, node: 0, ValueError, "returned 0, which is no device where it fits"),
        (lambda task, node: None, TypeError, "returned None, expected a device's number"),
        (broken, LookupError, ""),
    ]:
        score = ps.Score(lambda task, node: -node.tasks, device=device)
        place = ps.Place(lambda task, nodes: next((n for n in nodes if n.fits(task)), None), device=device)
        for policy in [score, place]:
            with pytest.raises(error) as caught:
                ps.run(experiment, {"mine": policy}, seeds=[1])
            assert message in str(caught.value)
    with pytest.raises(TypeError, match=r"expected a function device\(task, node\), found 3"):
        ps.Score(len, device=3)


def test_nodes_cannot_be_changed(pool):
    def place(task, nodes):
        nodes[0].free_cpu_milli = 0

    with pytest.raises(AttributeError):
        ps.run(pool, {"mine": ps.Place(place)})


def test_a_list_that_is_changed_is_only_the_policys_own(pool):
    def place(task, nodes):
        node = next((node for node in nodes if node.fits(task)), None)
        nodes.clear()
        return node

    result = ps.run(pool, {"mine": ps.Place(place)})
    assert {row["rejected"] for row in result.rows.where(policy="mine", seed=1)} == {
        row["rejected"] for row in result.rows.where(policy="first-fit", seed=1)
    }


def test_policies_are_checked(pool):
    for policies, error, message in [
        ({"mine": lambda task, node: 0}, TypeError, "policy 'mine': expected a Score, a Place or a BuiltIn"),
        ({"mine": ps.BuiltIn("best")}, ps.ExperimentError, 'unknown policy "best", expected one of best-fit'),
        ({"mine": ps.BuiltIn("best-fit", samples=2)}, ps.ExperimentError, 'policy best-fit has no option "samples"'),
        ({"mine": ps.Score(len, tie_break="last")}, ps.ExperimentError, 'option tie_break: "last" given'),
        ({"random": ps.Score(len)}, ps.ExperimentError, "expected a label of its own, found that of random"),
    ]:
        with pytest.raises(error) as caught:
            ps.run(pool, policies)
        assert message in str(caught.value)
    with pytest.raises(TypeError, match="expected policies by label, found"):
        ps.run(pool, ["best-fit"])
    with pytest.raises(TypeError, match="expected a policy's label, found 3"):
        ps.run(pool, {3: ps.BuiltIn("best-fit")})
    for value in [1.5, True, None, [1]]:
        with pytest.raises(
            TypeError, match="option truncate: expected a whole number, a text or a list of texts, found"
        ):
            ps.BuiltIn("best-fit", truncate=value)
    with pytest.raises(TypeError, match=r'policy "mine": made 3, expected a function place\(task, nodes\)'):
        ps.run(pool, {"mine": ps.Place.each_run(lambda seed: seed + 2)}, seeds=[1])
    with pytest.raises(TypeError, match=r"expected a function score\(task, node\), found 3"):
        ps.Score(3)
    with pytest.raises(TypeError, match=r"expected a function place\(task, nodes\), found None"):
        ps.Place(None)
    with pytest.raises(ValueError, match="expected at least one sample, found 0"):
        ps.Score(len, samples=0)


def test_the_full_engine_takes_no_policy_in_python(pool):
    text = pool.text.replace("title =", 'engine = "full"\ntitle =').replace(
        "[cluster]", "[full]\nend_s = 600\nstart_ms = { constant = 500 }\nstop_ms = { constant = 50 }\n[cluster]"
    )
    result = ps.run(ps.Experiment(text), {"packed": ps.BuiltIn("binpack-cpu")}, seeds=[1])
    assert "packed" in result.policies and "start_mean" in result.metrics
    for policy in [ps.Score(len), ps.Place(len)]:
        with pytest.raises(ps.ExperimentError, match='policy "mine": the full engine places by strategies'):
            ps.run(ps.Experiment(text), {"mine": policy})


def test_seeds_and_threads_are_checked(pool):
    for arguments, error, message in [
        ({"seeds": []}, ValueError, "expected 1 to 10000 seeds, found 0"),
        ({"seeds": [1, 2, 1]}, ValueError, "expected each seed once"),
        ({"seeds": [-1]}, ValueError, r"expected seeds from 0 to 2\*\*64 - 1, found -1"),
        ({"seeds": [1.5]}, TypeError, "cannot be interpreted as an integer"),
        ({"threads": -1}, ValueError, "expected 0 or more threads, found -1"),
    ]:
        with pytest.raises(error, match=message):
            ps.run(pool, **arguments)


def test_files_are_named(tmp_path, pool):
    with pytest.raises(FileNotFoundError, match="absent.toml"):
        ps.run(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b'title = "\xe9"')
    with pytest.raises(ps.ExperimentError, match="latin.toml is not text in UTF-8"):
        ps.run(tmp_path / "latin.toml")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(pool.text.replace("count = 5", "count = 0"))
    with pytest.raises(ps.ExperimentError) as caught:
        ps.run(wrong)
    assert str(caught.value) == f"{wrong}:5:9: expected 1 to 10000 seeds, found 0"
    wrong.write_text(
        pool.text.replace("identical = { nodes = 12, cpu_milli = 8000, memory_mib = 16384 }", 'csv = "n.csv"')
    )
    with pytest.raises(FileNotFoundError, match="n.csv"):
        ps.run(str(wrong))
    (tmp_path / "n.csv").write_text("name,cpu_milli,memory_mib\na,1,-4\n")
    with pytest.raises(ps.ExperimentError, match=r"n.csv:2: column 3 \(memory_mib\): expected a whole number"):
        ps.run(str(wrong))


ENDLESS = """
import plimsoll_sim as ps, sys
experiment = ps.Experiment(sys.argv[2].replace("tasks = 400", "tasks = 200000"))
def place(task, nodes):
    return None
def score(task, node):
    return 0
policies = {"none": {}, "score": {"mine": ps.Score(score)}, "place": {"mine": ps.Place(place)}}[sys.argv[1]]
print("running", flush=True)
try:
    ps.run(experiment, policies, seeds=range(1000), threads=1)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends SIGINT")
@pytest.mark.parametrize("kind", ["none", "score", "place"])
def test_control_c_ends_it(kind, pool):
    process = subprocess.Popen([sys.executable, "-c", ENDLESS, kind, pool.text], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "running\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        sent = time.monotonic()
        assert process.communicate(timeout=60)[0] == "interrupted\n"
        assert process.returncode == 0 and time.monotonic() - sent < 10
    finally:
        process.kill()


def test_other_threads_go_on(pool):
    """The interpreter is not held while built-in policies run, nor for long while Python ones do."""
    counted = 0
    over = threading.Event()

    def count():
        nonlocal counted
        while not over.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    try:
        ps.run(pool, {"mine": ps.Score(lambda task, node: -node.tasks)}, seeds=range(40))
    finally:
        over.set()
        thread.join()
    assert counted > 5
