"""Many simulated instances: steady, through a loss and a rolling update. Bounds, not speed, are asserted here."""

import pytest

from conftest import REGION, container, register, service_of, tasks_of, wait_for, wait_stable

INSTANCES, TASKS = 100, 1000


@pytest.mark.parametrize("backend", ["postgres", "sqlite"])
def test_a_thousand_tasks_on_a_hundred_simulated_instances(programs, tmp_path, database, backend):
    url = database if backend == "postgres" else f"sqlite://{tmp_path}/plimsoll.sqlite"
    server = programs("server", "--database-url", url, "--region", REGION, "--no-auth", "--disconnect-grace", "1")
    ecs = server.ecs
    ecs.create_cluster(clusterName="big")
    agents = [
        programs("agent", "--server", server.endpoint, "--cluster", "big", "--simulate", str(count), name=f"agent-{count}")
        for count in (INSTANCES - 10, 10)
    ]
    connected = lambda: len(
        [
            arn
            for page in ecs.get_paginator("list_container_instances").paginate(cluster="big", filter="agentConnected == true")
            for arn in page["containerInstanceArns"]
        ]
    )
    wait_for("the instances have joined", lambda: connected() == INSTANCES)
    register(ecs, "web", [container(memory=64)])
    ecs.create_service(
        cluster="big", serviceName="web", taskDefinition="web", desiredCount=TASKS,
        placementStrategy=[{"type": "spread", "field": "instanceId"}],
    )
    wait_stable(ecs, "web", cluster="big")
    per_instance = {}
    for one in tasks_of(ecs, cluster="big", serviceName="web"):
        per_instance[one["containerInstanceArn"]] = per_instance.get(one["containerInstanceArn"], 0) + 1
    assert set(per_instance.values()) == {TASKS // INSTANCES}

    # I-12: ten instances go silent; after the grace their tasks are replaced elsewhere.
    agents[1].kill()
    wait_for("the loss is seen", lambda: connected() == INSTANCES - 10)
    replaced = lambda: sum(
        one["stopCode"] == "TerminationNotice" for one in tasks_of(ecs, cluster="big") if one["lastStatus"] == "STOPPED"
    )
    wait_for("a hundred tasks are declared lost", lambda: replaced() == 10 * TASKS // INSTANCES)
    wait_stable(ecs, "web", cluster="big")

    new = register(ecs, "web", [container(memory=64, environment=[{"name": "V", "value": "2"}])])
    ecs.update_service(
        cluster="big", service="web", taskDefinition=new,
        deploymentConfiguration={"minimumHealthyPercent": 90, "maximumPercent": 110},
    )
    running = []

    def rolled():
        service = service_of(ecs, "web", cluster="big")
        running.append(service["runningCount"])
        return len(service["deployments"]) == 1 and service["runningCount"] == TASKS

    wait_for("the rolling update ends", rolled)
    # DEP-10: ceil(1000 * 0.9) and floor(1000 * 1.1).
    assert min(running) >= 900
    assert max(running) <= 1100
