"""What the service scheduler promises, on real containers: rollouts under fire, a breaker that trips, daemons that follow
nodes, dependencies that wait for health, protected tasks, zones that fill up."""

import random
import threading
import time

import pytest

from conftest import (
    IMAGE, PATIENCE, container, docker, register, service_of, tasks_of, wait_for, wait_stable,
)

pytestmark = pytest.mark.parametrize("runtime", ["docker"], indirect=True)

# A container is killed with this chance each time a round of all containers is made.
KILLED = 0.02
SECOND_NODE = ["--cpu", "1024", "--memory", "512", "--container-retention", "2", "--runtime", "docker"]


class Watch:
    """Describes a service over and over; one description is one committed state."""

    def __init__(self, dev, name):
        self.seen, self.finished = [], threading.Event()
        self.thread = threading.Thread(target=self.look, args=(dev.ecs, name))

    def look(self, ecs, name):
        while not self.finished.is_set():
            tasks = [one for one in tasks_of(ecs, serviceName=name) if one["lastStatus"] != "STOPPED"]
            running = service_of(ecs, name)["runningCount"]
            self.seen.append((time.monotonic(), running, len(tasks)))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.finished.set()
        self.thread.join()


class Killer:
    """Kills containers at random, as `docker kill` does, until it is told to stop."""

    def __init__(self, seed):
        self.dice, self.kills, self.finished = random.Random(seed), [], threading.Event()
        self.thread = threading.Thread(target=self.kill)

    def kill(self):
        while not self.finished.wait(0.3):
            for one in docker("ps", "-q", "--filter", "label=plimsoll.task"):
                if self.dice.random() < KILLED:
                    try:
                        docker("kill", one)
                        self.kills.append(time.monotonic())
                    except Exception:  # It ended by itself between the list and the kill.
                        pass

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.finished.set()
        self.thread.join()


def test_a_rollout_of_ten_under_random_kills_stays_within_its_percentages(dev):
    ecs = dev.ecs
    register(ecs, "web")
    ecs.create_service(
        serviceName="web", taskDefinition="web", desiredCount=10,
        deploymentConfiguration={"minimumHealthyPercent": 80, "maximumPercent": 120},
    )
    wait_stable(ecs, "web")
    second = register(ecs, "web", [container(environment=[{"name": "VERSION", "value": "2"}])])
    with Watch(dev, "web") as watch, Killer(seed=7) as killer:
        ecs.update_service(service="web", taskDefinition="web")
        wait_for(
            "all ten are of the second definition",
            lambda: sum(
                one["lastStatus"] == "RUNNING" and one["taskDefinitionArn"] == second
                for one in tasks_of(ecs, serviceName="web")
            ) >= 9,
        )
    wait_stable(ecs, "web")
    assert len(watch.seen) > 5, watch.seen
    # I-8: tasks count until they are STOPPED, so the maximum holds whatever is killed.
    assert max(total for _, _, total in watch.seen) <= 12, watch.seen
    # I-9: what is missing below the minimum was killed and not stopped by the scheduler.
    for at, running, _ in watch.seen:
        killed = sum(1 for kill in killer.kills if kill <= at)
        assert running >= 8 - killed, (running, killed, watch.seen)
    stopped = [one for one in tasks_of(ecs, serviceName="web") if one["lastStatus"] == "STOPPED"]
    exited = [one for one in stopped if one["stopCode"] == "EssentialContainerExited"]
    assert len(exited) <= len(killer.kills)
    assert {one["containers"][0]["exitCode"] for one in exited} <= {137}
    assert [one["rolloutState"] for one in service_of(ecs, "web")["deployments"]] == ["COMPLETED"]


def test_a_bad_image_trips_the_breaker_and_rolls_back(dev):
    ecs = dev.ecs
    good = register(ecs, "web")
    ecs.create_service(
        serviceName="web", taskDefinition="web", desiredCount=2,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )
    wait_stable(ecs, "web")
    first = service_of(ecs, "web")["deployments"][0]["id"]
    register(ecs, "web", [{"name": "app", "image": "127.0.0.1:1/nothing:here", "memory": 16}])
    ecs.update_service(service="web", taskDefinition="web")
    bad = service_of(ecs, "web")["deployments"][0]["id"]
    least = []

    def rolled_back():
        service = service_of(ecs, "web")
        least.append(service["runningCount"])
        primary = service["deployments"][0]
        return primary["id"] == first and primary["rolloutState"] == "COMPLETED" and len(service["deployments"]) == 1

    wait_for("the deployment of before is back", rolled_back)
    # DEP-14: the old tasks served all the time.
    assert min(least) == 2
    service = service_of(ecs, "web")
    assert service["taskDefinition"] == good
    messages = [event["message"] for event in service["events"]]
    assert f"(service web) (deployment {bad}) deployment failed: tasks failed to start." in messages
    assert f"(service web) rolling back to deployment {first}." in messages
    # What was still on its way when the breaker tripped was told to stop.
    of_bad = [one for one in tasks_of(ecs, serviceName="web") if one["startedBy"] == bad]
    assert {one["stopCode"] for one in of_bad} <= {"TaskFailedToStart", "ServiceSchedulerInitiated"}
    failed = [one for one in of_bad if one["stopCode"] == "TaskFailedToStart"]
    assert len(failed) >= 3
    assert all(one["stoppedReason"].startswith("CannotPullContainerError") for one in failed)


def test_a_daemon_covers_a_node_that_joins_and_leaves_one_that_drains(dev, programs, tmp_path):
    ecs = dev.ecs
    register(ecs, "watch")
    ecs.create_service(serviceName="watch", taskDefinition="watch", schedulingStrategy="DAEMON")
    wait_stable(ecs, "watch")
    assert service_of(ecs, "watch")["desiredCount"] == 1
    programs("agent", "--server", dev.endpoint, "--cluster", "default", "--data-dir", str(tmp_path / "second"), *SECOND_NODE)
    wait_for("the daemon is on both nodes", lambda: service_of(ecs, "watch")["runningCount"] == 2)
    wait_stable(ecs, "watch")
    running = [one for one in tasks_of(ecs, serviceName="watch") if one["lastStatus"] == "RUNNING"]
    nodes = {one["containerInstanceArn"] for one in running}
    assert nodes == set(ecs.list_container_instances()["containerInstanceArns"])
    assert service_of(ecs, "watch")["desiredCount"] == 2
    # SVC-42
    drained = sorted(nodes)[0]
    ecs.update_container_instances_state(containerInstances=[drained], status="DRAINING")
    wait_for("the daemon has left the draining node", lambda: service_of(ecs, "watch")["runningCount"] == 1)
    wait_stable(ecs, "watch")
    left = [one for one in tasks_of(ecs, serviceName="watch") if one["lastStatus"] == "RUNNING"]
    assert drained not in {one["containerInstanceArn"] for one in left}


def test_depends_on_healthy_holds_a_container_back(dev):
    ecs = dev.ecs
    slow = ["/bin/sh", "-c", "trap 'exit 0' TERM; sleep 2; touch /tmp/ready; while :; do sleep 0.2; done"]
    register(ecs, "pair", [
        container("db", slow, healthCheck={
            "command": ["CMD-SHELL", "test -e /tmp/ready"], "interval": 5, "timeout": 2, "retries": 10, "startPeriod": 0,
        }),
        container("web", dependsOn=[{"containerName": "db", "condition": "HEALTHY"}]),
    ])
    arn = ecs.run_task(taskDefinition="pair")["tasks"][0]["taskArn"]
    states = []

    def running():
        task = ecs.describe_tasks(tasks=[arn])["tasks"][0]
        by_name = {one["name"]: one for one in task["containers"]}
        states.append((by_name["db"]["lastStatus"], by_name["db"].get("healthStatus"), by_name["web"]["lastStatus"]))
        return task["lastStatus"] == "RUNNING" and task

    task = wait_for("the task runs", running)
    # While the database was not healthy, the other container had not been started.
    early = [web for _, health, web in states if health != "HEALTHY"]
    assert early and set(early) == {"PENDING"}, states
    assert ("RUNNING", "UNKNOWN", "PENDING") in states, states
    assert task["healthStatus"] == "HEALTHY"
    containers = {one["name"]: one["runtimeId"] for one in task["containers"]}
    started = {name: docker("inspect", "-f", "{{.State.StartedAt}}", one)[0] for name, one in containers.items()}
    assert started["db"] < started["web"]
    ecs.stop_task(task=arn)
    wait_for("both have stopped", lambda: ecs.describe_tasks(tasks=[arn])["tasks"][0]["lastStatus"] == "STOPPED")
    # TL-5: stopped in reverse.
    finished = {name: docker("inspect", "-f", "{{.State.FinishedAt}}", one)[0] for name, one in containers.items()}
    assert finished["web"] < finished["db"]


def test_an_unhealthy_task_is_replaced_before_it_goes(dev):
    ecs = dev.ecs
    register(ecs, "sick", [container(healthCheck={
        "command": ["CMD-SHELL", "test ! -e /tmp/sick"], "interval": 5, "timeout": 2, "retries": 1,
    })])
    ecs.create_service(serviceName="sick", taskDefinition="sick", desiredCount=1)
    wait_stable(ecs, "sick")
    (before,) = [one for one in tasks_of(ecs, serviceName="sick") if one["lastStatus"] == "RUNNING"]
    wait_for("it is healthy", lambda: ecs.describe_tasks(tasks=[before["taskArn"]])["tasks"][0]["healthStatus"] == "HEALTHY")
    docker("exec", before["containers"][0]["runtimeId"], "/bin/touch", "/tmp/sick")

    def replaced():
        return ecs.describe_tasks(tasks=[before["taskArn"]])["tasks"][0]["desiredStatus"] == "STOPPED"

    wait_for("the unhealthy task is told to stop", replaced)
    tasks = {one["taskArn"]: one for one in tasks_of(ecs, serviceName="sick")}
    # SVC-25: its replacement runs and is healthy by then.
    others = [one for arn, one in tasks.items() if arn != before["taskArn"]]
    assert [one["healthStatus"] for one in others] == ["HEALTHY"], tasks
    stopped = tasks[before["taskArn"]]
    assert (stopped["stopCode"], stopped["stoppedReason"]) == (
        "ServiceSchedulerInitiated", "Task failed container health checks",
    )


def test_protected_tasks_wait_for_their_protection_to_end(dev):
    ecs = dev.ecs
    register(ecs, "web")
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(ecs, "web")
    arns = sorted(one["taskArn"] for one in tasks_of(ecs, serviceName="web"))
    reply = ecs.update_task_protection(cluster="default", tasks=[arns[0]], protectionEnabled=True, expiresInMinutes=60)
    assert reply["failures"] == []
    assert reply["protectedTasks"][0]["protectionEnabled"] is True
    assert reply["protectedTasks"][0]["expirationDate"].timestamp() > time.time() + 3_500
    ecs.update_service(service="web", desiredCount=0)
    wait_for("the other one is stopped", lambda: service_of(ecs, "web")["runningCount"] == 1)
    assert ecs.describe_tasks(tasks=[arns[0]])["tasks"][0]["desiredStatus"] == "RUNNING"
    refused = ecs.update_task_protection(cluster="default", tasks=[arns[1]], protectionEnabled=True)["failures"]
    assert [one["reason"] for one in refused] == ["TASK_NOT_VALID"]
    assert ecs.get_task_protection(cluster="default", tasks=[arns[0]])["protectedTasks"][0]["protectionEnabled"]
    ecs.update_task_protection(cluster="default", tasks=[arns[0]], protectionEnabled=False)
    wait_stable(ecs, "web")
    assert service_of(ecs, "web")["runningCount"] == 0


def test_a_new_zone_gets_its_share(dev, programs, tmp_path):
    ecs = dev.ecs
    register(ecs, "web")
    created = ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=4)["service"]
    assert created["availabilityZoneRebalancing"] == "ENABLED"
    wait_stable(ecs, "web")
    programs(
        "agent", "--server", dev.endpoint, "--cluster", "default", "--data-dir", str(tmp_path / "second"),
        "--attribute", "ecs.availability-zone=zone-2", *SECOND_NODE,
    )

    def shares():
        running = [one for one in tasks_of(ecs, serviceName="web") if one["lastStatus"] == "RUNNING"]
        return sorted(sum(one["containerInstanceArn"] == node for one in running) for node in
                      {one["containerInstanceArn"] for one in running})

    wait_for("two and two", lambda: shares() == [2, 2], PATIENCE)
    wait_for(
        "the balance is announced",
        lambda: any("is AZ balanced with" in event["message"] for event in service_of(ecs, "web")["events"]),
    )
