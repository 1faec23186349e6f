"""A cluster chooses a placement policy by name; what comes without a strategy is placed by it, and nothing else is."""

import json
import subprocess

import botocore.exceptions
import pytest

from conftest import PLIMSOLL, REGION, container, register, tasks_of, wait_for, wait_stable

POLICY = "plimsoll.placementPolicy"


@pytest.fixture
def server(programs, tmp_path):
    server = programs("server", "--database-url", f"sqlite://{tmp_path}/plimsoll.db", "--region", REGION, "--no-auth")
    server.ecs.create_cluster(settings=[{"name": POLICY, "value": "best-fit?dimensions=cpu"}])
    for zone in ("a", "b", "c"):
        programs(
            "agent", "--server", server.endpoint, "--simulate", "1", "--cpu", "1024", "--memory", "1024",
            "--attribute", f"ecs.availability-zone={zone}", name=f"agent-{zone}",
        )
    wait_for("the nodes have joined", lambda: len(server.ecs.list_container_instances()["containerInstanceArns"]) == 3)
    return server


def settings(ecs):
    [cluster] = ecs.describe_clusters(include=["SETTINGS"])["clusters"]
    return {one["name"]: one["value"] for one in cluster["settings"]}


def hosts(tasks):
    return {task["containerInstanceArn"] for task in tasks}


def test_tasks_go_where_the_policy_says(server):
    ecs = server.ecs
    assert settings(ecs) == {POLICY: "best-fit?dimensions=cpu", "containerInsights": "disabled"}
    register(ecs, "web", [container(cpu=128)])
    ecs.create_service(serviceName="packed", taskDefinition="web", desiredCount=4)
    wait_stable(ecs, "packed")
    assert len(hosts(tasks_of(ecs, serviceName="packed"))) == 1, "best-fit fills one node; the default would use three"

    # A strategy of one's own wins, constraints hold, and RunTask goes by the policy like services.
    spread = [{"type": "spread", "field": "instanceId"}]
    ecs.create_service(serviceName="spread", taskDefinition="web", desiredCount=3, placementStrategy=spread)
    wait_stable(ecs, "spread")
    assert len(hosts(tasks_of(ecs, serviceName="spread"))) == 3
    apart = ecs.run_task(taskDefinition="web", count=3, group="apart", placementConstraints=[{"type": "distinctInstance"}])
    assert len(hosts(apart["tasks"])) == 3
    packed = hosts(tasks_of(ecs, serviceName="packed"))
    assert hosts(ecs.run_task(taskDefinition="web")["tasks"]) == packed

    done = subprocess.run(
        [PLIMSOLL, "explain", "packed", "--server", server.endpoint, "--json"], capture_output=True, text=True, timeout=30
    )
    [ask] = json.loads(done.stdout)["asks"]
    assert (ask["policy"], ask["chain"], ask["takers"]) == ("best-fit?dimensions=cpu", [], 3)
    scores = [one["score"] for one in ask["candidates"]]
    assert scores == sorted(scores, reverse=True)
    done = subprocess.run([PLIMSOLL, "explain", "packed", "--server", server.endpoint], capture_output=True, text=True)
    assert "score by best-fit?dimensions=cpu" in done.stdout, done

    # It outlives a restart, and another takes its place at once.
    server.interrupt()
    server.restart()
    wait_for("the nodes are back", lambda: all(
        one["agentConnected"] for one in ecs.describe_container_instances(
            containerInstances=ecs.list_container_instances()["containerInstanceArns"])["containerInstances"]))
    assert settings(ecs)[POLICY] == "best-fit?dimensions=cpu"
    ecs.update_cluster_settings(cluster="default", settings=[{"name": POLICY, "value": "worst-fit"}])
    ecs.update_cluster_settings(cluster="default", settings=[{"name": "containerInsights", "value": "enabled"}])
    assert settings(ecs) == {POLICY: "worst-fit", "containerInsights": "enabled"}
    emptiest = hosts(ecs.run_task(taskDefinition="web", count=2)["tasks"])
    assert len(emptiest) == 2 and not emptiest & packed
    ecs.update_cluster(cluster="default", settings=[{"name": POLICY, "value": "default"}])
    assert settings(ecs) == {"containerInsights": "enabled"}


def test_what_is_no_policy(server):
    ecs = server.ecs
    for setting, expected in [
        ({"name": POLICY, "value": "bestfit"}, "should be one of [default,best-fit,binpack-cpu,"),
        ({"name": POLICY, "value": "power-of-k?samples=many"}, "expected a whole number from 1 to 64"),
        ({"name": POLICY, "value": "first-fit?size=3"}, 'has no option "size"'),
        ({"name": POLICY, "value": "best-fit?truncate"}, "expected NAME or NAME?OPTION=VALUE"),
        ({"name": POLICY}, "should be one of [default,"),
        ({"name": "plimsoll.other", "value": "x"}, "[containerInsights]"),
    ]:
        for call in (
            lambda: ecs.create_cluster(clusterName="other", settings=[setting]),
            lambda: ecs.update_cluster(cluster="default", settings=[setting]),
            lambda: ecs.update_cluster_settings(cluster="default", settings=[setting]),
        ):
            with pytest.raises(botocore.exceptions.ClientError) as refused:
                call()
            assert refused.value.response["Error"]["Code"] == "InvalidParameterException", setting
            assert expected in refused.value.response["Error"]["Message"], setting
    with pytest.raises(botocore.exceptions.ClientError, match="more than once"):
        ecs.update_cluster(cluster="default", settings=[{"name": POLICY, "value": "fgd"}, {"name": POLICY, "value": "fgd"}])
    assert settings(ecs)[POLICY] == "best-fit?dimensions=cpu", "nothing has changed"
