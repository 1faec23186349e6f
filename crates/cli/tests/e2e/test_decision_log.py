"""A server's decision log repeats: every choice comes out as it was, and another policy shows what it would change."""

import json
import subprocess

import pytest

from conftest import PLIMSOLL, REGION, container, register, wait_for, wait_stable


def replay(log, *arguments):
    command = [PLIMSOLL, "sim", "replay", str(log), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def server(programs, tmp_path):
    log = tmp_path / "decisions.log"
    server = programs(
        "server", "--database-url", f"sqlite://{tmp_path}/plimsoll.db", "--region", REGION, "--no-auth",
        "--decision-log", str(log),
    )
    server.decisions = log
    server.ecs.create_cluster()
    for zone in ("a", "b"):
        programs(
            "agent", "--server", server.endpoint, "--simulate", "4", "--cpu", "1024", "--memory", "1024",
            "--attribute", f"ecs.availability-zone={zone}", name=f"agent-{zone}",
        )
    wait_for("the nodes have joined", lambda: len(server.ecs.list_container_instances()["containerInstanceArns"]) == 8)
    return server


def work(ecs, name):
    register(ecs, name, [container(cpu=100)])
    ecs.create_service(serviceName=name, taskDefinition=name, desiredCount=6)
    random = [{"type": "random"}]
    member = [{"type": "memberOf", "expression": "attribute:ecs.availability-zone == a"}]
    ecs.run_task(taskDefinition=name, count=5, placementStrategy=random, placementConstraints=member)
    ecs.run_task(taskDefinition=name, count=3, placementStrategy=[{"type": "binpack", "field": "memory"}])
    wait_stable(ecs, name)
    ecs.update_service(service=name, desiredCount=2, forceNewDeployment=True)
    wait_stable(ecs, name)


def test_a_log_repeats_itself_over_restarts(server):
    work(server.ecs, "one")
    server.kill()
    # Killed in the middle of a line.
    with open(server.decisions, "a") as log:
        log.write('{"at":12,"clus')
    done = replay(server.decisions)
    assert done.returncode == 0 and "cut short" in done.stdout, done
    server.restart()
    wait_for("the nodes are back", lambda: all(
        one["agentConnected"] for one in server.ecs.describe_container_instances(
            containerInstances=server.ecs.list_container_instances()["containerInstanceArns"])["containerInstances"]))
    server.ecs.update_cluster_settings(
        cluster="default", settings=[{"name": "plimsoll.placementPolicy", "value": "power-of-k?samples=3"}])
    work(server.ecs, "two")
    server.interrupt()

    done = replay(server.decisions)
    assert done.returncode == 0 and "SAME: every choice is the one in the log" in done.stdout, done
    lines = [json.loads(line) for line in server.decisions.read_text().splitlines()]
    assert [sorted(line) for line in lines if "event" not in line] == [["plimsollDecisionLog", "server"]] * 2
    asked = [line["event"]["asked"] for line in lines if "asked" in line.get("event", {})]
    assert f"{len(asked)} requests repeated" in done.stdout and len(asked) >= 8

    done = replay(server.decisions, "--policy", "best-fit")
    assert done.returncode == 0, done
    rows = {line[:44].strip(): line[44:].split() for line in done.stdout.splitlines() if line.strip()}
    placed = next(line.split() for line in done.stdout.splitlines() if "tasks placed on request" in line)
    assert placed[-1] == placed[-2], (rows, "there is room for all")
    most = next(line.split() for line in done.stdout.splitlines() if "hosts used, at most" in line)
    assert int(most[-1]) < int(most[-2]), done.stdout

    # Another choice than the log's is found, and named.
    at = next(i for i, line in enumerate(lines) if line.get("event", {}).get("asked", {}).get("placed"))
    lines[at]["event"]["asked"]["placed"][0] = "f" * 32
    server.decisions.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    done = replay(server.decisions)
    assert done.returncode == 1 and f"DIFFERENT: 1 requests; the first: line {at + 1}," in done.stdout, done


def test_what_is_no_log(tmp_path):
    log = tmp_path / "log"
    for content, expected in [
        ("", "log: expected the header of a decision log, found an empty file"),
        ("at,cluster\n", "log:1: expected the header of a decision log"),
        ('{"plimsollDecisionLog":1,"server":"x"}\n{"at":1}\n', "log:2: expected a decision: missing field `cluster`"),
    ]:
        log.write_text(content)
        done = replay(log)
        assert done.returncode == 1 and expected in done.stderr, (content, done)
    assert "No such file" in replay(tmp_path / "none").stderr
    wrong = replay(log, "--policy", "best")
    assert wrong.returncode == 2 and "expected one of best-fit, binpack-cpu" in wrong.stderr
    nowhere = subprocess.run(
        [PLIMSOLL, "server", "--database-url", f"sqlite://{tmp_path}/p.db", "--decision-log", str(tmp_path / "no/log")],
        capture_output=True, text=True, timeout=30,
    )
    assert nowhere.returncode == 1 and "opening the decision log" in nowhere.stderr
