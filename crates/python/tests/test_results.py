"""Tables, tests of significance, files."""

import json
import statistics

import plimsoll_sim as ps
import pytest


@pytest.fixture
def result(pool):
    return ps.run(pool, {"mine": ps.Score(lambda task, node: -node.free_memory_mib)}, seeds=range(10))


def test_rows_are_a_table_with_a_row_per_run(result):
    rows = result.rows
    assert len(rows) == 3 * 10
    assert list(rows[0])[:2] == ["policy", "seed"] and all(list(row) == list(rows[0]) for row in rows)
    assert [row["seed"] for row in rows.where(policy="mine")] == list(range(10)) == result.seeds
    assert rows.columns["policy"] == [row["policy"] for row in rows]
    assert "allocated_gpu" not in rows[0], "no node has a GPU"


def test_pandas_takes_the_tables(result):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(result.rows)
    assert frame.equals(result.rows.to_pandas()) and frame.shape == (30, len(result.rows[0]))
    means = frame.groupby("policy")["rejected"].mean()
    (row,) = (row for row in result.summary("rejected") if row["policy"] == "mine")
    assert means["mine"] == pytest.approx(row["mean"])


def test_summaries_are_those_of_the_report(result):
    summary = result.summary()
    assert [row["metric"] for row in summary][: len(result.metrics)] == result.metrics
    assert len(result.summary("all")) > len(summary)
    values = [row["rejected"] for row in result.rows.where(policy="mine")]
    (row,) = result.summary(["rejected"]).where(policy="mine")
    assert row["mean"] == pytest.approx(statistics.mean(values))
    assert row["standard_deviation"] == pytest.approx(statistics.stdev(values))
    # Student's t with nine degrees of freedom.
    assert row["half_width_95"] == pytest.approx(2.2622 * statistics.stdev(values) / 10**0.5, rel=1e-4)
    (reference,) = result.summary("rejected").where(policy="first-fit")
    assert reference["difference_to_reference"] is None and reference["significant"] is None


def test_comparisons_are_paired_by_seed(result):
    table = {label: [row["rejected"] for row in result.rows.where(policy=label)] for label in result.policies}
    differences = [mine - other for mine, other in zip(table["mine"], table["random"])]
    (row,) = result.compare("mine", "random", "rejected")
    assert row["difference"] == pytest.approx(statistics.mean(differences))
    assert row["half_width_95"] == pytest.approx(2.2622 * statistics.stdev(differences) / 10**0.5, rel=1e-4)
    against_reference = {row["metric"]: row for row in result.compare("mine", metrics="all")}
    for row in result.summary("all").where(policy="mine"):
        compared = against_reference[row["metric"]]
        assert compared["p_value"] == row["p_value"] and compared["difference"] == row["difference_to_reference"]
        better = {one["metric"]: one["better"] for one in ps.metrics()}[row["metric"]]
        is_good = (compared["difference"] > 0) == (better == "higher")
        expected = "no difference shown" if not compared["significant"] else "better" if is_good else "worse"
        assert compared["verdict"] == expected
    (same,) = result.compare("random", "random", "rejected")
    assert (same["difference"], same["p_value"], same["verdict"]) == (0, 1, "no difference shown")
    with pytest.raises(KeyError, match="no policy .*theirs.* here, expected one of mine, first-fit, random"):
        result.compare("theirs")
    with pytest.raises(KeyError, match="unknown metric 'speed', expected one of allocated"):
        result.compare("mine", metrics="speed")


def test_one_seed_has_no_interval(pool):
    (row,) = ps.run(pool, {}, seeds=[4]).compare("random", metrics="rejected")
    assert row["half_width_95"] is None and row["p_value"] is None and row["verdict"] == "no difference shown"


def test_the_same_seeds_are_the_same_bytes_whatever_the_threads(pool, tmp_path):
    texts = []
    for threads in [1, 4]:
        policies = {
            "mine": ps.Score(lambda task, node: -node.free_memory_mib),
            "place": ps.Place(lambda task, nodes: None),
        }
        paths = ps.run(pool, policies, threads=threads).write(tmp_path / str(threads))
        assert [path.name for path in paths] == ["report.html", "summary.json", "summary.csv", "runs.csv", "curves.csv"]
        texts.append([path.read_bytes() for path in paths])
    assert texts[0] == texts[1]
    document = json.loads((tmp_path / "1" / "summary.json").read_text())
    kinds = {policy["label"]: policy["policy"] for policy in document["points"][0]["policies"]}
    assert kinds == {"mine": "python score", "place": "python place", "first-fit": "first-fit", "random": "random"}


def test_sweeps_have_columns(pool):
    text = pool.text + '[[sweep]]\nparameter = "cluster.identical.nodes"\nvalues = [6, 12]\n'
    result = ps.run(ps.Experiment(text), {"mine": ps.Score(lambda task, node: -node.tasks)}, seeds=[1, 2])
    assert len(result.rows) == 2 * 3 * 2 and next(iter(result.rows[0])) == "cluster.identical.nodes"
    compared = result.compare("mine", metrics="rejected")
    assert [row["cluster.identical.nodes"] for row in compared] == [6, 12]
    assert "cluster.identical.nodes = 6" in str(result)
    assert {row["cluster.identical.nodes"] for row in result.curves("allocated")} == {6, 12}


def test_results_print_as_tables(result):
    lines = str(result).splitlines()
    assert lines[0] == "a small pool"
    assert lines[2].split("  ")[0] == "policy" and "Tasks rejected" in lines[2]
    assert [line.split("  ")[0] for line in lines[4:7]] == ["mine", "first-fit", "random"]
    assert lines[-1] == "± 95 % over 10 seeds; * differs from first-fit (paired t test, p < 0.05)"
    assert str(result.compare("mine")).splitlines()[0].startswith("metric ")
    assert "<th>verdict</th>" in result.compare("mine")._repr_html_()
    assert str(ps.Table()) == "(no rows)" and ps.Table().columns == {}
    assert repr(result) == "<Result 'a small pool': 3 policies, 10 seeds>"


def test_timing_counts_placements(result):
    (row,) = result.timing.where(policy="mine")
    assert row["runs"] == 10 and row["placements"] > 1000 and row["placements_per_second"] > 0


def test_progress_is_told_and_may_end_it(pool):
    told = []
    ps.run(pool, {"mine": ps.Score(lambda task, node: 0)}, progress=lambda done, of: told.append((done, of)))
    assert told == [(done, 15) for done in range(1, 16)]

    def enough(done, of):
        raise StopIteration

    with pytest.raises(StopIteration):
        ps.run(pool, progress=enough)


def test_what_there_is_is_listed():
    assert "best-fit" in ps.policies().columns["policy"]
    assert set(ps.metrics().columns["better"]) == {"higher", "lower"}
