"""`plimsoll explain`: why tasks are where they are, or are nowhere; what it says is what ECS then says and does."""

import json
import subprocess

from conftest import PLIMSOLL, REGION, container, register, service_of, tasks_of, wait_for, wait_stable


def explain(server, *arguments, keys=True, given="", env=None):
    flags = ["--keys-file", server.keys] if keys else []
    command = [PLIMSOLL, "explain", "--server", server.endpoint, *flags, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30, input=given, env=env)


def explained(server, *arguments, **more):
    done = explain(server, *arguments, "--json", **more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def zones(server):
    described = server.signed.describe_container_instances(
        containerInstances=server.signed.list_container_instances()["containerInstanceArns"]
    )["containerInstances"]
    zone = lambda one: next(a["value"] for a in one["attributes"] if a["name"] == "ecs.availability-zone")
    return {one["containerInstanceArn"].rsplit("/", 1)[1]: zone(one) for one in described}


def test_a_request_is_explained_as_it_then_goes(two_zones):
    ecs = two_zones.signed
    register(ecs, "big", [container(cpu=700)])
    expression = "attribute:ecs.availability-zone == a"
    request = {
        "taskDefinition": "big",
        "count": 2,
        "placementStrategy": [{"type": "binpack", "field": "cpu"}],
        "placementConstraints": [{"type": "memberOf", "expression": expression}],
    }
    said = explained(two_zones, "--operation", "RunTask", "--input", "-", given=json.dumps(request))
    [ask] = said["asks"]
    assert (ask["count"], ask["placed"], ask["instances"], ask["takers"]) == (2, 1, 2, 1)
    assert ask["chain"] == ["binpack(cpu)"]
    [candidate] = ask["candidates"]
    assert candidate["instance"]["availabilityZone"] == "a" and candidate["ranks"] == {"binpack(cpu)": 1024}
    assert [(one["reason"], one["about"], one["instances"], one["alone"]) for one in ask["obstacles"]] == [
        ("MemberOf placement constraint unsatisfied.", expression, 1, 1)
    ]
    assert said["needs"]["cpu"] == 700 and said["needs"]["memberOf"] == [expression]
    assert not ecs.list_tasks()["taskArns"], "nothing has happened"

    answer = ecs.run_task(**request)
    [task] = answer["tasks"]
    assert task["containerInstanceArn"].rsplit("/", 1)[1] == candidate["instance"]["containerInstance"]
    # What RunTask says of each instance is what the explanation says of it.
    said = explained(two_zones, "--operation", "RunTask", "--input", "-", given=json.dumps(request))
    [ask] = said["asks"]
    failures = {one["arn"].rsplit("/", 1)[1]: one["reason"] for one in answer["failures"]}
    assert failures == {one["instance"]["containerInstance"]: one["reason"] for one in ask["refusals"]}
    assert ask["takers"] == 0 and len(failures) == 2
    text = explain(two_zones, "--operation", "RunTask", "--input", "-", given=json.dumps(request))
    assert "0 of 2 find a place; 0 of 2 instances take one, 2 refuse" in text.stdout
    assert expression in text.stdout and "\x1b" not in text.stdout
    lengths = {len(line) for line in text.stdout.splitlines() if line.startswith(("│", "┌", "└", "╞"))}
    assert len(lengths) == 1, "the table lines up"


def test_a_service_says_where_it_is_and_what_it_misses(two_zones):
    ecs = two_zones.signed
    register(ecs, "web", [container(cpu=400)])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(ecs, "web")
    said = explained(two_zones, "web")
    assert (said["service"]["desiredCount"], said["service"]["missingCount"]) == (2, 0)
    assert sorted(one["instance"]["availabilityZone"] for one in said["tasks"]) == ["a", "b"]
    assert {one["rank"] for one in said["tasks"]} == {1, 2}
    assert said["asks"][0]["chain"] == ["spread(attribute:ecs.availability-zone)", "spread(instanceId)"]

    ecs.update_service(service="web", desiredCount=7)
    message = wait_for(
        "the service says what is missing",
        lambda: next((one["message"] for one in service_of(ecs, "web")["events"] if "unable to place" in one["message"]), None),
    )
    said = explained(two_zones, service_of(ecs, "web")["serviceArn"])
    [ask] = said["asks"]
    assert (said["service"]["missingCount"], ask["placed"], ask["takers"]) == (3, 0, 0)
    assert ask["closest"]["reason"] == "RESOURCE:CPU" and ask["closest"]["missing"]["cpu"] == 176
    closest = ask["closest"]["instance"]["containerInstance"]
    assert f"(container-instance {closest}) has insufficient CPU units available." in message
    text = explain(two_zones, "web").stdout
    assert "service web: 7 desired, 4 running, 0 pending, 3 to be started" in text
    assert "takes no more" in text and "it lacks 176 CPU units" in text

    task = tasks_of(ecs, serviceName="web")[0]
    said = explained(two_zones, "--task", task["taskArn"])
    [standing] = said["tasks"]
    assert standing["instance"]["containerInstance"] == task["containerInstanceArn"].rsplit("/", 1)[1]
    assert standing["rank"] == 1, "without it, its instance is the only one with room"
    assert said["asks"][0]["takers"] == 1
    assert zones(two_zones)[standing["instance"]["containerInstance"]] == standing["instance"]["availabilityZone"]


def test_what_is_refused(two_zones):
    register(two_zones.signed, "web", [container(cpu=128)])
    for arguments, given, expected in [
        (["nothing"], "", "ServiceNotFoundException"),
        (["--task", "0" * 32], "", "The referenced task was not found"),
        (["--task", "nonsense"], "", "InvalidParameterException"),
        (["web", "--cluster", "nowhere"], "", "ClusterNotFoundException"),
        (["web", "--region", "mars-north-1"], "", f"this server is '{REGION}'"),
        (["--operation", "StopTask", "--input", "-"], "{}", "There is no explanation for 'StopTask'"),
        (["--input", "-"], "[1]", "expected an object"),
        (["--input", "-"], '{"taskDefinition": "none:7"}', "ClientException"),
        (["--operation", "UpdateService", "--input", "-"], '{"service": "none"}', "ServiceNotFoundException"),
        (["--operation", "CreateService", "--input", "-"], '{"serviceName": "no/name"}', "InvalidParameterException"),
    ]:
        refused = explain(two_zones, *arguments, given=given)
        assert refused.returncode == 1 and expected in refused.stderr, (arguments, refused)
    unsigned = explain(two_zones, "web", keys=False)
    assert unsigned.returncode == 1 and "--keys-file" in unsigned.stderr
    created = explained(
        two_zones, "--operation", "CreateService", "--input", "-",
        given=json.dumps({"serviceName": "new", "taskDefinition": "web", "desiredCount": 3}),
    )
    assert created["asks"][0]["placed"] == 3 and not two_zones.signed.list_services()["serviceArns"]


def test_a_reader_that_goes_away_is_the_end(two_zones):
    ecs = two_zones.signed
    register(ecs, "web", [container(cpu=128)])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(ecs, "web")
    flags = ["--server", two_zones.endpoint, "--keys-file", two_zones.keys]
    for command in (["explain", "web", *flags], ["plan", "web", "--desired-count", "3", *flags], ["sim", "policies"]):
        program = subprocess.Popen([PLIMSOLL, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        program.stdout.close()
        assert program.wait(30) == 141, command
        assert program.stderr.read() == b"", command
