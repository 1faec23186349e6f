"""Capacity providers with boto3: simulated nodes of two providers, a strategy over them, and what a full one does."""

import collections

import botocore.exceptions
import pytest

from conftest import REGION, container, register, service_of, tasks_of, wait_for, wait_stable

STRATEGY = [
    {"capacityProvider": "racks", "weight": 1, "base": 2},
    {"capacityProvider": "spot", "weight": 3, "base": 0},
]


@pytest.fixture
def server(programs, tmp_path):
    server = programs("server", "--database-url", f"sqlite://{tmp_path}/plimsoll.db", "--region", REGION, "--no-auth")
    ecs = server.ecs
    for name in ("racks", "spot"):
        group = {"autoScalingGroupArn": f"arn:aws:autoscaling:{REGION}:000000000000:autoScalingGroup:x:autoScalingGroupName/{name}"}
        ecs.create_capacity_provider(name=name, autoScalingGroupProvider=group)
    ecs.create_cluster(capacityProviders=["racks", "spot"], defaultCapacityProviderStrategy=STRATEGY)
    for name, nodes in (("racks", "2"), ("spot", "1"), ("", "1")):
        programs(
            "agent", "--server", server.endpoint, "--cluster", "default", "--simulate", nodes, "--cpu", "1024",
            "--memory", "4096", *(["--capacity-provider", name] if name else []), name=f"agent-{name}",
        )
    wait_for("all nodes have joined", lambda: len(ecs.list_container_instances()["containerInstanceArns"]) == 4)
    return server


def shares(ecs, service):
    """How many running tasks each provider has; every one is on an instance of that provider."""
    tasks = [one for one in tasks_of(ecs, serviceName=service) if one["desiredStatus"] == "RUNNING"]
    arns = sorted({one["containerInstanceArn"] for one in tasks})
    described = ecs.describe_container_instances(containerInstances=arns)["containerInstances"] if arns else []
    of = {one["containerInstanceArn"]: one.get("capacityProviderName") for one in described}
    for task in tasks:
        assert of[task["containerInstanceArn"]] == task["capacityProviderName"], task
    return dict(collections.Counter(one["capacityProviderName"] for one in tasks))


def test_a_strategy_shares_tasks_out(server):
    ecs = server.ecs
    register(ecs, "web", [container(cpu=128)])
    # RUN-2: neither launch type nor strategy, so the cluster's default.
    created = ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=8)["service"]
    assert created["capacityProviderStrategy"] == STRATEGY and "launchType" not in created
    wait_stable(ecs, "web")
    assert shares(ecs, "web") == {"racks": 4, "spot": 4}  # SVC-56: 2 base, then 1 2 2 2 1 2.

    # One node takes eight such tasks: spot is full, its share stays missing, and the event says so (EV-3).
    ecs.update_service(service="web", desiredCount=16)
    wait_for("all that fits is placed", lambda: shares(ecs, "web") == {"racks": 6, "spot": 8})
    message = service_of(ecs, "web")["events"][0]["message"]
    assert "unable to place a task" in message and "insufficient CPU units" in message
    ecs.update_service(service="web", desiredCount=4)
    wait_stable(ecs, "web")
    assert shares(ecs, "web") == {"racks": 3, "spot": 1}

    # SVC-13: another strategy is a deployment of its own.
    other = [{"capacityProvider": "racks", "weight": 1, "base": 0}]
    with pytest.raises(botocore.exceptions.ClientError, match="you must force a new deployment"):
        ecs.update_service(service="web", capacityProviderStrategy=other)
    ecs.update_service(service="web", capacityProviderStrategy=other, forceNewDeployment=True)
    wait_for("spot is left", lambda: shares(ecs, "web") == {"racks": 4})
    wait_stable(ecs, "web")

    # CL-11, SVC-57: what is used stays.
    with pytest.raises(ecs.exceptions.ResourceInUseException):
        ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["spot"], defaultCapacityProviderStrategy=[])
    with pytest.raises(ecs.exceptions.ClientException, match="associated with cluster"):
        ecs.delete_capacity_provider(capacityProvider="spot")
    cluster = ecs.put_cluster_capacity_providers(
        cluster="default", capacityProviders=["racks", "FARGATE"], defaultCapacityProviderStrategy=[]
    )["cluster"]
    assert cluster["capacityProviders"] == ["racks", "FARGATE"]
    ecs.delete_capacity_provider(capacityProvider="spot")
    names = [one["name"] for one in ecs.describe_capacity_providers()["capacityProviders"]]
    assert names == ["FARGATE", "FARGATE_SPOT", "racks"]


def test_tasks_follow_a_strategy_and_nobody_has_fargate(server):
    ecs = server.ecs
    register(ecs, "job", [container(cpu=128)])
    started = ecs.run_task(taskDefinition="job", count=4)["tasks"]
    assert [one["capacityProviderName"] for one in started] == ["racks", "racks", "racks", "spot"]
    plain = ecs.run_task(taskDefinition="job", launchType="EC2")["tasks"]
    assert "capacityProviderName" not in plain[0]
    ecs.put_cluster_capacity_providers(
        cluster="default", capacityProviders=["racks", "spot", "FARGATE"], defaultCapacityProviderStrategy=[]
    )
    with pytest.raises(botocore.exceptions.ClientError, match="No Container Instances were found in your capacity provider"):
        ecs.run_task(taskDefinition="job", capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])


def test_tasks_wait_for_a_node_of_a_scaled_provider(programs, tmp_path):
    """RUN-12 with a real node: nothing is there when the tasks are asked for, and an agent joins later."""
    server = programs(
        "server", "--database-url", f"sqlite://{tmp_path}/plimsoll.db", "--region", REGION, "--no-auth",
        "--provisioning-timeout", "20",
    )
    ecs = server.ecs
    arn = f"arn:aws:autoscaling:{REGION}:000000000000:autoScalingGroup:x:autoScalingGroupName/racks"
    ecs.create_capacity_provider(
        name="racks",
        autoScalingGroupProvider={"autoScalingGroupArn": arn, "managedScaling": {"status": "ENABLED"}},
    )
    strategy = [{"capacityProvider": "racks", "weight": 1}]
    ecs.create_cluster(capacityProviders=["racks"], defaultCapacityProviderStrategy=strategy)
    register(ecs, "job", [container(cpu=128)])
    register(ecs, "giant", [container(memory=1_000_000)])
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "b"}]}]}
    asked = {"taskDefinition": "job", "count": 2, "clientToken": "once", "overrides": overrides}
    answer = ecs.run_task(**asked)
    assert answer["failures"] == [] and len(answer["tasks"]) == 2
    for task in answer["tasks"]:
        assert (task["lastStatus"], task["desiredStatus"]) == ("PROVISIONING", "RUNNING")
        assert task["capacityProviderName"] == "racks" and "containerInstanceArn" not in task
        assert task["overrides"]["containerOverrides"] == overrides["containerOverrides"]
    arns = [one["taskArn"] for one in answer["tasks"]]
    giant = ecs.run_task(taskDefinition="giant")["tasks"][0]["taskArn"]
    assert ecs.describe_clusters()["clusters"][0]["pendingTasksCount"] == 3
    with pytest.raises(ecs.exceptions.ClusterContainsTasksException):
        ecs.delete_cluster(cluster="default")

    # What waits is in the database, not in the process.
    server.kill()
    server.restart()
    assert [one["lastStatus"] for one in ecs.describe_tasks(tasks=arns)["tasks"]] == ["PROVISIONING"] * 2
    assert [one["taskArn"] for one in ecs.run_task(**asked)["tasks"]] == arns

    programs(
        "agent", "--server", server.endpoint, "--cluster", "default", "--runtime", "process", "--data-dir",
        str(tmp_path / "agent"), "--capacity-provider", "racks",
    )
    ecs.get_waiter("tasks_running").wait(tasks=arns, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    (instance,) = ecs.list_container_instances()["containerInstanceArns"]
    assert {one["containerInstanceArn"] for one in ecs.describe_tasks(tasks=arns)["tasks"]} == {instance}
    row = ecs.describe_container_instances(containerInstances=[instance])["containerInstances"][0]
    assert (row["runningTasksCount"], row["pendingTasksCount"]) == (2, 0)

    # One that nothing fits is given up, with the reason of the instance that came closest (RUN-9).
    def stopped():
        (task,) = ecs.describe_tasks(tasks=[giant])["tasks"]
        return task if task["lastStatus"] == "STOPPED" else None

    wait_for("the giant is given up", stopped)
    assert (stopped()["stopCode"], stopped()["stoppedReason"]) == ("TaskFailedToStart", "RESOURCE:MEMORY")

    # One that is stopped while it waits needs no node for that.
    waiting = ecs.run_task(taskDefinition="giant")["tasks"][0]["taskArn"]
    ended = ecs.stop_task(task=waiting, reason="enough")["task"]
    assert (ended["lastStatus"], ended["stopCode"], ended["stoppedReason"]) == ("STOPPED", "UserInitiated", "enough")
