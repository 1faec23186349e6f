"""Two servers on one database: one leads each cluster, and the other takes over when it falls silent (I-31, I-32)."""

import os
import signal
import threading
import time

import botocore.exceptions
import pytest

from conftest import REGION, container, register, service_of, wait_for, wait_stable

# The lease's time to live and two seconds, and as much again for a busy machine.
TAKEN_OVER_WITHIN = 2 * (10 + 2)


@pytest.fixture
def pair(database, programs):
    return [
        programs("server", "--database-url", database, "--region", REGION, "--no-auth", name=f"server-{name}")
        for name in "ab"
    ]


def tried(call):
    try:
        return call()
    except botocore.exceptions.ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] in (500, 503), error
        return None


def test_i32_the_other_leads_when_the_leader_is_killed(pair, programs, tmp_path):
    first, second = pair
    first.ecs.create_cluster(clusterName="c")
    register(first.ecs, "web")
    first.ecs.create_service(cluster="c", serviceName="s", taskDefinition="web", desiredCount=0)
    # Definitions are nobody's; what belongs to a cluster only its leader answers for.
    assert second.ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == 1
    assert tried(lambda: second.ecs.update_service(cluster="c", service="s", desiredCount=1)) is None
    began = time.monotonic()
    first.kill()
    wait_for("the other leads", lambda: tried(lambda: second.ecs.update_service(cluster="c", service="s", desiredCount=2)))
    assert time.monotonic() - began < TAKEN_OVER_WITHIN
    assert service_of(second.ecs, "s", cluster="c")["desiredCount"] == 2
    # An agent that is pointed at it finds its cluster served.
    programs("agent", "--server", second.endpoint, "--cluster", "c", "--runtime", "process", "--data-dir", str(tmp_path / "agent"))
    wait_stable(second.ecs, "s", cluster="c")


def test_i31_a_leader_that_was_asleep_decides_nothing_when_it_wakes(pair):
    first, second = pair
    first.ecs.create_cluster(clusterName="c")
    register(first.ecs, "web")
    first.ecs.create_service(cluster="c", serviceName="s", taskDefinition="web", desiredCount=0)
    os.kill(first.process.pid, signal.SIGSTOP)
    try:
        wait_for("the other leads", lambda: tried(lambda: second.ecs.update_service(cluster="c", service="s", desiredCount=2)))
    except BaseException:
        os.kill(first.process.pid, signal.SIGCONT)
        raise
    # Asked while it sleeps, it hears the question when it wakes, and must not answer from what it remembers.
    answers = []
    asking = threading.Thread(target=lambda: answers.append(tried(lambda: first.ecs.update_service(cluster="c", service="s", desiredCount=7))))
    asking.start()
    time.sleep(0.5)
    os.kill(first.process.pid, signal.SIGCONT)
    asking.join()
    assert answers == [None]
    for _ in range(20):
        described = tried(lambda: first.ecs.describe_services(cluster="c", services=["s"]))
        assert described is None or described["services"][0]["desiredCount"] == 2
        time.sleep(0.1)
    assert service_of(second.ecs, "s", cluster="c")["desiredCount"] == 2
    assert tried(lambda: second.ecs.update_service(cluster="c", service="s", desiredCount=3))["service"]["desiredCount"] == 3
