"""`plimsoll plan`: what it shows is what then happens, and nothing has happened before."""

import json
import subprocess

from conftest import PLIMSOLL, REGION, container, register, service_of, tasks_of, wait_stable


def plan(server, *arguments, keys=True):
    flags = ["--keys-file", server.keys] if keys else []
    command = [PLIMSOLL, "plan", "--server", server.endpoint, *flags, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_a_plan_is_what_happens(two_zones):
    ecs = two_zones.signed
    register(ecs, "web", [container(cpu=128)])
    register(ecs, "web", [container(cpu=256)])
    bounds = {"minimumHealthyPercent": 50, "maximumPercent": 150}
    # Where new tasks make room for old ones in passing, zones may end uneven; moving them after that is not the point here.
    ecs.create_service(
        serviceName="web", taskDefinition="web:1", desiredCount=4, deploymentConfiguration=bounds,
        availabilityZoneRebalancing="DISABLED",
    )
    wait_stable(ecs, "web")
    before = {task["taskArn"] for task in tasks_of(ecs, serviceName="web")}

    shown = plan(two_zones, "web", "--task-definition", "web:2", "--json")
    assert shown.returncode == 0, shown.stderr
    planned = json.loads(shown.stdout)
    assert planned["outcome"] == "STEADY"
    started = [one for step in planned["steps"] for one in step["started"]]
    stopped = [one for step in planned["steps"] for one in step["stopped"]]
    assert len(started) == 4 and {one["taskDefinition"] for one in started} == {"web:2"}
    assert {one["task"] for one in stopped} == {arn.rsplit("/", 1)[1] for arn in before}
    assert {one["availabilityZone"] for one in started} == {"a", "b"}
    assert {task["taskArn"] for task in tasks_of(ecs, serviceName="web")} == before, "nothing has happened"
    assert service_of(ecs, "web")["taskDefinition"].endswith("web:1")

    text = plan(two_zones, "web", "--task-definition", "web:2")
    assert text.returncode == 0 and "4 tasks start, 4 stop; the service is steady then." in text.stdout, text

    ecs.update_service(service="web", taskDefinition="web:2")
    wait_stable(ecs, "web")
    running = [task for task in tasks_of(ecs, serviceName="web") if task["desiredStatus"] == "RUNNING"]
    assert len(running) == 4 and {task["taskDefinitionArn"].rsplit("/", 1)[1] for task in running} == {"web:2"}
    assert not before & {task["taskArn"] for task in running}


def test_what_would_be_in_the_way(two_zones, tmp_path):
    ecs = two_zones.signed
    register(ecs, "web", [container(cpu=128)])
    register(ecs, "big", [container(cpu=2048)])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(ecs, "web")
    blocked = plan(two_zones, "web", "--task-definition", "big")
    assert blocked.returncode == 1
    assert "insufficient CPU units" in blocked.stdout and "would not come to its end" in blocked.stderr

    # Refused with ECS's own words, where the operation would be.
    for arguments, expected in [
        (["nothing"], "ServiceNotFoundException"),
        (["web", "--task-definition", "nothing:7"], "ClientException"),
        (["web", "--cluster", "nowhere"], "ClusterNotFoundException"),
        (["web", "--region", "mars-north-1"], f"this server is '{REGION}'"),
        (["--operation", "RunTask", "--input", "-"], "There is no plan for 'RunTask'"),
    ]:
        command = [PLIMSOLL, "plan", "--server", two_zones.endpoint, "--keys-file", two_zones.keys, *arguments]
        refused = subprocess.run(command, capture_output=True, text=True, timeout=30, input="{}")
        assert refused.returncode == 1 and expected in refused.stderr, (arguments, refused)
    unsigned = plan(two_zones, "web", keys=False)
    assert unsigned.returncode == 1 and "--keys-file" in unsigned.stderr

    # A service that is not there yet.
    request = {"serviceName": "more", "taskDefinition": "web", "desiredCount": 3}
    file = tmp_path / "more.json"
    file.write_text(json.dumps(request))
    created = plan(two_zones, "--operation", "CreateService", "--input", str(file), "--json")
    assert created.returncode == 0, created.stderr
    assert sum(len(step["started"]) for step in json.loads(created.stdout)["steps"]) == 3
    assert [arn.rsplit("/", 1)[1] for arn in ecs.list_services()["serviceArns"]] == ["web"]
    file.write_text("[1]")
    wrong = plan(two_zones, "--operation", "CreateService", "--input", str(file))
    assert wrong.returncode == 1 and "expected an object" in wrong.stderr
