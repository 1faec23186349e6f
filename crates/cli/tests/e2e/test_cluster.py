"""A server on Postgres with three agents: placement over them, draining, and what survives a kill -9."""

import os
import pathlib
import shutil
import socket
import subprocess
import time

import pytest

from conftest import (
    REGION, aws, container, docker, free_port, register, service_of, tasks_of, wait_for, wait_stable,
)

ZONES = {"a": "zone-1", "b": "zone-1", "c": "zone-2"}


@pytest.fixture
def cluster(programs, tmp_path, database, runtime):
    """A server and one agent per entry of ZONES; sizes differ so that binpack has something to choose."""
    server = programs("server", "--database-url", database, "--region", REGION, "--no-auth")
    server.ecs.create_cluster(clusterName="prod")
    server.agents = {}
    for index, (name, zone) in enumerate(sorted(ZONES.items())):
        server.agents[name] = programs(
            "agent", "--server", server.endpoint, "--cluster", "prod", "--runtime", runtime,
            "--data-dir", str(tmp_path / f"agent-{name}"), "--cpu", "2048", "--memory", str(512 + 256 * index),
            "--attribute", f"ecs.availability-zone={zone}", "--attribute", f"node={name}",
            "--container-retention", "2", name=f"agent-{name}",
        )
    wait_for("three nodes have joined", lambda: len(nodes(server.ecs)) == 3)
    return server


def nodes(ecs):
    """Container instance ARN by the value of its attribute `node`."""
    listed = ecs.list_attributes(cluster="prod", targetType="container-instance", attributeName="node")
    return {one["value"]: one["targetId"] for one in listed["attributes"]}


def placed(ecs, **filters):
    """Node names of the running tasks, sorted."""
    names = {arn: name for name, arn in nodes(ecs).items()}
    found = tasks_of(ecs, cluster="prod", **filters)
    return sorted(names[one["containerInstanceArn"]] for one in found if one["desiredStatus"] == "RUNNING")


def test_placement_follows_constraints_and_strategies(cluster):
    ecs = cluster.ecs
    register(ecs, "web")
    create = lambda name, count, **more: ecs.create_service(
        cluster="prod", serviceName=name, taskDefinition="web", desiredCount=count, **more
    )
    # PL-10: attributes and memberOf.
    arn = nodes(ecs)["b"]
    ecs.put_attributes(cluster="prod", attributes=[{"name": "stack", "value": "blue", "targetId": arn}])
    create("blue", 2, placementConstraints=[{"type": "memberOf", "expression": "attribute:stack == blue"}])
    # PL-9: one per instance, so the fourth has no place and the events say why (EV-3).
    create("lonely", 4, placementConstraints=[{"type": "distinctInstance"}])
    # PL-3: zones first, instances second: two zones take two and two.
    create("zoned", 4, placementStrategy=[
        {"type": "spread", "field": "attribute:ecs.availability-zone"}, {"type": "spread", "field": "instanceId"},
    ])
    wait_stable(ecs, "blue", cluster="prod")
    wait_stable(ecs, "zoned", cluster="prod")
    assert placed(ecs, serviceName="blue") == ["b", "b"]
    zones = [ZONES[name] for name in placed(ecs, serviceName="zoned")]
    assert sorted(zones) == ["zone-1", "zone-1", "zone-2", "zone-2"]
    wait_for("three lonely tasks run", lambda: placed(ecs, serviceName="lonely") == ["a", "b", "c"])
    message = wait_for(
        "the fourth is reported",
        lambda: [e["message"] for e in service_of(ecs, "lonely", cluster="prod")["events"] if "unable to place" in e["message"]],
    )[0]
    assert "DistinctInstance" in message or "closest matching" in message, message

    # PL-4: binpack keeps to the instance with the least memory left, which is `a` until it is full.
    create("packed", 5, placementStrategy=[{"type": "binpack", "field": "memory"}])
    wait_stable(ecs, "packed", cluster="prod")
    remaining = {
        name: next(r["integerValue"] for r in one["remainingResources"] if r["name"] == "MEMORY")
        for name, one in described(ecs).items()
    }
    assert set(placed(ecs, serviceName="packed")) == {"a"}, remaining

    # A definition too big for every instance is an event, and one line says which instance came closest.
    register(ecs, "huge", [container(memory=100_000)])
    ecs.create_service(cluster="prod", serviceName="huge", taskDefinition="huge", desiredCount=1)
    message = wait_for(
        "the refusal is reported",
        lambda: [e["message"] for e in service_of(ecs, "huge", cluster="prod")["events"]],
    )[0]
    assert "insufficient memory" in message
    reply = ecs.run_task(cluster="prod", taskDefinition="huge")
    assert reply["tasks"] == []
    assert {(one["reason"]) for one in reply["failures"]} == {"RESOURCE:MEMORY"}


def described(ecs):
    by_arn = {arn: name for name, arn in nodes(ecs).items()}
    reply = ecs.describe_container_instances(cluster="prod", containerInstances=list(by_arn))
    return {by_arn[one["containerInstanceArn"]]: one for one in reply["containerInstances"]}


def test_draining_moves_tasks_within_the_percentages(cluster):
    ecs = cluster.ecs
    register(ecs, "web")
    ecs.create_service(
        cluster="prod", serviceName="web", taskDefinition="web", desiredCount=6,
        deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 150},
    )
    wait_stable(ecs, "web", cluster="prod")
    assert "a" in placed(ecs, serviceName="web")
    aws(cluster.endpoint, "update-container-instances-state", "--cluster", "prod", "--container-instances", nodes(ecs)["a"],
        "--status", "DRAINING")
    least = []

    def moved():
        service = service_of(ecs, "web", cluster="prod")
        least.append(service["runningCount"])
        return "a" not in placed(ecs, serviceName="web") and service["runningCount"] == 6 and service["pendingCount"] == 0

    wait_for("the tasks have left the draining instance", moved)
    # DEP-32: with minimumHealthyPercent 100 a task goes only after its replacement runs.
    assert min(least) >= 6
    assert described(ecs)["a"]["status"] == "DRAINING"


def test_killing_the_server_in_mid_rollout_loses_nothing(cluster, runtime):
    ecs = cluster.ecs
    register(ecs, "web")
    ecs.create_service(cluster="prod", serviceName="web", taskDefinition="web", desiredCount=6)
    wait_stable(ecs, "web", cluster="prod")
    second = register(ecs, "web", [container(environment=[{"name": "V", "value": "2"}])])
    ecs.update_service(cluster="prod", service="web", taskDefinition=second)
    wait_for("the rollout has begun", lambda: any(t["taskDefinitionArn"] == second for t in tasks_of(ecs, cluster="prod")))
    cluster.kill()
    if runtime == "docker":
        # Nothing stops while nobody is in charge (I-33); what was being started may still come.
        running = set(docker("ps", "-q", "--no-trunc", "--filter", "label=plimsoll.task"))
        time.sleep(2)
        assert running <= set(docker("ps", "-q", "--no-trunc", "--filter", "label=plimsoll.task"))
    cluster.restart()
    wait_stable(cluster.ecs, "web", cluster="prod")
    tasks = [one for one in tasks_of(cluster.ecs, cluster="prod", serviceName="web") if one["lastStatus"] != "STOPPED"]
    assert [one["taskDefinitionArn"] for one in tasks] == [second] * 6
    if runtime == "docker":
        ids = {one["containers"][0]["runtimeId"] for one in tasks}
        wait_for("only those containers run", lambda: set(docker("ps", "-q", "--no-trunc", "--filter", "label=plimsoll.task")) == ids)


def test_killing_an_agent_leaves_its_containers_alone(cluster):
    ecs = cluster.ecs
    register(ecs, "web")
    ecs.create_service(cluster="prod", serviceName="web", taskDefinition="web", desiredCount=3)
    wait_stable(ecs, "web", cluster="prod")
    ids = lambda: {t["taskArn"]: t["containers"][0]["runtimeId"] for t in tasks_of(ecs, cluster="prod") if t["lastStatus"] == "RUNNING"}
    before = ids()
    agent = cluster.agents["a"]
    agent.kill()
    wait_for("the loss of the session is seen", lambda: not described(ecs)["a"]["agentConnected"])
    # CI-9: disconnected is not dead.
    assert ids() == before
    agent.start()
    wait_for("the agent is back", lambda: described(ecs)["a"]["agentConnected"])
    assert ids() == before
    assert len(nodes(ecs)) == 3
    # The task it re-adopted can still be stopped.
    victim = next(t["taskArn"] for t in tasks_of(ecs, cluster="prod") if t["containerInstanceArn"] == nodes(ecs)["a"])
    ecs.stop_task(cluster="prod", task=victim)
    wait_for("it stops", lambda: ecs.describe_tasks(cluster="prod", tasks=[victim])["tasks"][0]["lastStatus"] == "STOPPED")
    wait_stable(ecs, "web", cluster="prod")


class PrivatePostgres:
    """A database server of this test's own, to be killed."""

    def __init__(self, directory):
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"))
        assert found, "apt-get install postgresql"
        self.bin, self.directory, self.port = found[-1].parent, directory, free_port()
        directory.mkdir()
        self.prefix = []
        if os.getuid() == 0:
            self.prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
            shutil.chown(directory, "postgres", "postgres")
            for parent in list(directory.parents)[:3]:
                parent.chmod(0o755)
        subprocess.run(
            [*self.prefix, self.bin / "initdb", "-U", "postgres", "-A", "trust", "-D", directory / "data"],
            check=True, stdout=subprocess.DEVNULL,
        )
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/postgres"
        self.start()

    def start(self):
        log = open(self.directory.parent / "private-postgres.log", "ab")
        self.process = subprocess.Popen(
            [*self.prefix, self.bin / "postgres", "-D", self.directory / "data", "-p", str(self.port), "-h", "127.0.0.1", "-k", ""],
            stdout=log, stderr=log,
        )

        def answers():
            with socket.socket() as probe:
                ready = [self.bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]
                return probe.connect_ex(("127.0.0.1", self.port)) == 0 and subprocess.run(ready).returncode == 0

        wait_for("the private Postgres answers", answers)

    def kill(self):
        subprocess.run(["pkill", "-KILL", "-P", str(self.process.pid)])
        self.process.kill()
        self.process.wait()


def test_the_server_outlives_its_database(programs, tmp_path):
    database = PrivatePostgres(tmp_path / "pg")
    try:
        server = programs("server", "--database-url", database.url, "--region", REGION, "--no-auth")
        programs("agent", "--server", server.endpoint, "--cluster", "default", "--simulate", "2")
        ecs = server.ecs
        wait_for("the nodes have joined", lambda: joined(ecs) == 2)
        register(ecs, "web")
        ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=4)
        wait_stable(ecs, "web")
        database.kill()
        failed = pytest.raises(ecs.exceptions.ClientError, ecs.update_service, service="web", desiredCount=5)
        assert failed.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
        # Reads go on from the committed image.
        assert service_of(ecs, "web")["desiredCount"] == 4
        database.start()

        def updated():
            try:
                return ecs.update_service(service="web", desiredCount=5)
            except ecs.exceptions.ClientError:
                return None

        wait_for("the server has recovered by itself", updated)
        wait_stable(ecs, "web")
        assert service_of(ecs, "web")["runningCount"] == 5
    finally:
        database.kill()


def joined(ecs):
    try:
        return len(ecs.list_container_instances(filter="agentConnected == true")["containerInstanceArns"])
    except ecs.exceptions.ClusterNotFoundException:
        return 0
