"""A service of real containers, kept running: the first thing a person does, on every runtime."""

import json
import os
import signal
import subprocess
import threading
import time

from conftest import aws, container, docker, register, service_of, tasks_of, wait_for, wait_stable


def runtime_ids(ecs, **filters):
    return {
        one["containers"][0]["runtimeId"]: one["taskArn"]
        for one in tasks_of(ecs, **filters)
        if one["lastStatus"] == "RUNNING"
    }


def alive(runtime):
    """Ids of what really runs on this machine for Plimsoll."""
    if runtime == "docker":
        return set(docker("ps", "-q", "--no-trunc", "--filter", "label=plimsoll.task"))
    return None


def kill_one(runtime, runtime_id, data_dir):
    if runtime == "docker":
        docker("kill", runtime_id)
    else:
        task = runtime_id.split("-")[1]
        (state,) = data_dir.glob(f"agent/tasks/{task}/*/running.json")
        os.kill(json.loads(state.read_text())["pid"], signal.SIGKILL)


def test_a_service_is_kept_running_rolled_and_removed(dev, runtime, tmp_path):
    ecs = dev.ecs
    first = register(ecs, "web")
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=3)
    aws(dev.endpoint, "wait", "services-stable", "--services", "web")
    assert service_of(ecs, "web")["runningCount"] == 3
    before = runtime_ids(ecs, serviceName="web")
    assert len(before) == 3
    if runtime == "docker":
        assert alive(runtime) == set(before)

    # SVC-21: a container that dies is replaced, and the events say so.
    victim = sorted(before)[0]
    kill_one(runtime, victim, tmp_path / "data")
    wait_for("the dead task is replaced", lambda: len(runtime_ids(ecs, serviceName="web").keys() - {victim}) == 3)
    wait_stable(ecs, "web")
    stopped = [one for one in tasks_of(ecs, serviceName="web") if one["lastStatus"] == "STOPPED"]
    assert [one["stopCode"] for one in stopped] == ["EssentialContainerExited"]
    assert stopped[0]["stoppedReason"] == "Essential container in task exited"
    assert stopped[0]["containers"][0]["exitCode"] == 137
    messages = [event["message"] for event in service_of(ecs, "web")["events"]]
    assert sum("has started" in message for message in messages) >= 2
    assert any(message == "(service web) has reached a steady state." for message in messages)

    # DEP-13: at no instant fewer than the minimum RUNNING nor more than the maximum.
    second = register(ecs, "web", [container(environment=[{"name": "VERSION", "value": "2"}])])
    assert second != first
    ecs.update_service(
        service="web", taskDefinition="web",
        deploymentConfiguration={"minimumHealthyPercent": 67, "maximumPercent": 134},
    )
    seen = []
    finished = threading.Event()

    def watch():
        watching = dev.ecs
        while not finished.is_set():
            service = service_of(watching, "web")
            seen.append((service["runningCount"], service["pendingCount"]))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        wait_stable(ecs, "web")
    finally:
        finished.set()
        watcher.join()
    # One description is one committed state: ceil(3 * 0.67) = 3 at least, floor(3 * 1.34) = 4 at most.
    assert len(seen) > 3
    assert min(running for running, _ in seen) >= 3, seen
    assert max(running + pending for running, pending in seen) <= 4, seen
    definitions = {
        one["taskDefinitionArn"] for one in tasks_of(ecs, serviceName="web") if one["lastStatus"] == "RUNNING"
    }
    assert definitions == {second}
    deployments = service_of(ecs, "web")["deployments"]
    assert [(one["status"], one["rolloutState"]) for one in deployments] == [("PRIMARY", "COMPLETED")]

    aws(dev.endpoint, "update-service", "--service", "web", "--desired-count", "0")
    aws(dev.endpoint, "wait", "services-stable", "--services", "web")
    assert aws(dev.endpoint, "delete-service", "--service", "web")["service"]["status"] == "INACTIVE"
    aws(dev.endpoint, "wait", "services-inactive", "--services", "web")
    if runtime == "docker":
        wait_for(
            "nothing is left after the retention",
            lambda: not docker("ps", "-aq", "--filter", "label=plimsoll.task"),
        )


def test_exit_codes_stop_task_and_environment(dev):
    ecs = dev.ecs
    register(ecs, "exits", [container(command=["/bin/sh", "-c", "exit $CODE"], environment=[{"name": "CODE", "value": "0"}])])
    register(ecs, "sleeps")
    for code in (0, 7):
        reply = ecs.run_task(
            taskDefinition="exits",
            overrides={"containerOverrides": [{"name": "app", "environment": [{"name": "CODE", "value": str(code)}]}]},
        )
        assert reply["failures"] == []
        assert reply["tasks"][0]["lastStatus"] == "PENDING"
        arn = reply["tasks"][0]["taskArn"]
        ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
        task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        assert task["containers"][0]["exitCode"] == code
        assert task["stopCode"] == "EssentialContainerExited"
        assert task["createdAt"] <= task["startedAt"] <= task["stoppedAt"]

    arn = ecs.run_task(taskDefinition="sleeps", startedBy="me", group="mine")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    assert ecs.list_tasks(startedBy="me")["taskArns"] == [arn]
    stopped = ecs.stop_task(task=arn, reason="enough")["task"]
    assert (stopped["desiredStatus"], stopped["stopCode"]) == ("STOPPED", "UserInitiated")
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
    assert (task["stoppedReason"], task["containers"][0]["exitCode"]) == ("enough", 0)
    assert task["version"] >= stopped["version"]


def test_sigkill_follows_sigterm_after_the_stop_timeout(dev):
    ecs = dev.ecs
    deaf = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 0.2; done"]
    register(ecs, "deaf", [container(command=deaf, stopTimeout=2)])
    arn = ecs.run_task(taskDefinition="deaf")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    began = time.monotonic()
    ecs.stop_task(task=arn)
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    assert time.monotonic() - began >= 2
    assert ecs.describe_tasks(tasks=[arn])["tasks"][0]["containers"][0]["exitCode"] == 137


def test_interrupt_leaves_no_orphan(dev, runtime):
    ecs = dev.ecs
    register(ecs, "web")
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(ecs, "web")
    ids = runtime_ids(ecs)
    assert dev.interrupt() == 0
    if runtime == "docker":
        assert docker("ps", "-aq", "--filter", "label=plimsoll.task") == []
    else:
        left = subprocess.run(["pgrep", "-f", "process-shim"], capture_output=True, text=True).stdout.split()
        assert not left, f"{left} are left of {ids}"


def test_a_published_port_answers(dev, runtime):
    ecs = dev.ecs
    serve = ["/bin/sh", "-c", "mkdir -p /tmp/www; echo hello > /tmp/www/index.html; exec busybox httpd -f -p ${PORT_8080:-8080} -h /tmp/www"]
    register(ecs, "http", [container(command=serve, portMappings=[{"containerPort": 8080}])])
    arn = ecs.run_task(taskDefinition="http")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    binding = ecs.describe_tasks(tasks=[arn])["tasks"][0]["containers"][0]["networkBindings"][0]
    assert (binding["containerPort"], binding["protocol"]) == (8080, "tcp")

    def fetched():
        import urllib.request

        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{binding['hostPort']}/", timeout=2).read()
        except OSError:
            return None

    assert wait_for("the port answers", fetched) == b"hello\n"


def test_an_image_that_cannot_be_had_stops_the_task(dev, runtime):
    if runtime != "docker":
        ecs = dev.ecs
        register(ecs, "bad", [{"name": "app", "image": "x", "memory": 16, "command": ["/no/such/program"]}])
        expected = "CannotStartContainerError"
    else:
        ecs = dev.ecs
        register(ecs, "bad", [{"name": "app", "image": "127.0.0.1:1/nothing:here", "memory": 16}])
        expected = "CannotPullContainerError"
    arn = ecs.run_task(taskDefinition="bad")["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(tasks=[arn], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
    task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(expected), task["stoppedReason"]
    assert "startedAt" not in task
