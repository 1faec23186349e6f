"""DAEMON services on simulated nodes: they cover nodes that join, roll out instance by instance, and leave a draining
node last."""

from conftest import REGION, container, register, service_of, tasks_of, wait_for, wait_stable

CLUSTER = {"cluster": "fleet"}


def places(ecs, name):
    """The instance of every task of the service that is not stopped, with its definition."""
    found = [one for one in tasks_of(ecs, serviceName=name, **CLUSTER) if one["lastStatus"] != "STOPPED"]
    return [(one["containerInstanceArn"], one["taskDefinitionArn"]) for one in found]


def one_each(ecs, name, count):
    """SVC-40, SVC-43."""
    instances = [instance for instance, _ in places(ecs, name)]
    assert len(instances) == len(set(instances)), "two on one instance"
    return len(instances) == count


def test_a_daemon_service_covers_rolls_and_drains(programs, tmp_path):
    server = programs("server", "--database-url", f"sqlite://{tmp_path}/plimsoll.sqlite", "--region", REGION, "--no-auth")
    ecs = server.ecs
    ecs.create_cluster(clusterName="fleet")
    join = lambda count: programs(
        "agent", "--server", server.endpoint, "--cluster", "fleet", "--simulate", str(count), "--cpu", "1024",
        "--memory", "1024", "--data-dir", str(tmp_path / f"nodes-{count}"), name=f"agent-{count}",
    )
    join(5)
    instances = lambda: ecs.list_container_instances(**CLUSTER)["containerInstanceArns"]
    wait_for("five nodes have joined", lambda: len(instances()) == 5)
    first = register(ecs, "logs", [container(cpu=400, memory=64)])
    register(ecs, "web", [container(cpu=512, memory=64)])
    service = ecs.create_service(serviceName="logs", taskDefinition="logs", schedulingStrategy="DAEMON", **CLUSTER)["service"]
    assert service["desiredCount"] == 5
    configuration = service["deploymentConfiguration"]
    assert (configuration["maximumPercent"], configuration["minimumHealthyPercent"]) == (100, 0)
    wait_stable(ecs, "logs", **CLUSTER)
    assert one_each(ecs, "logs", 5)

    # SVC-41, SVC-45: three more nodes, and replicas that would like all of their room.
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=30, **CLUSTER)
    join(3)
    wait_for("the new nodes are covered", lambda: one_each(ecs, "logs", 8))
    wait_stable(ecs, "logs", **CLUSTER)
    assert service_of(ecs, "logs", **CLUSTER)["desiredCount"] == 8
    wait_for("one replica fits beside each", lambda: service_of(ecs, "web", **CLUSTER)["runningCount"] == 8)
    ecs.update_service(service="web", desiredCount=8, **CLUSTER)
    wait_stable(ecs, "web", **CLUSTER)

    # SVC-44: at most half of the nodes are without one while the next definition rolls out.
    second = register(ecs, "logs", [container(cpu=400, memory=64, environment=[{"name": "V", "value": "2"}])])
    ecs.update_service(
        service="logs", taskDefinition=second, deploymentConfiguration={"minimumHealthyPercent": 50}, **CLUSTER
    )
    running = []

    def rolled():
        service = service_of(ecs, "logs", **CLUSTER)
        running.append(service["runningCount"])
        one_each(ecs, "logs", 8)
        return len(service["deployments"]) == 1 and service["runningCount"] == 8

    wait_for("the rollout ends", rolled)
    assert min(running) >= 4 and max(running) <= 8
    assert {definition for _, definition in places(ecs, "logs")} == {second} != {first}
    assert service_of(ecs, "logs", **CLUSTER)["deployments"][0]["rolloutState"] == "COMPLETED"

    # SVC-42: from a draining node the daemon goes last, and it is not replaced there.
    drained = instances()[0]
    web_there = next(one for one in tasks_of(ecs, serviceName="web", **CLUSTER) if one["containerInstanceArn"] == drained)
    ecs.update_service(service="web", deploymentConfiguration={"minimumHealthyPercent": 0}, desiredCount=7, **CLUSTER)
    ecs.update_container_instances_state(containerInstances=[drained], status="DRAINING", **CLUSTER)
    left = lambda: drained not in [instance for instance, _ in places(ecs, "logs")]
    wait_for("the daemon has left", left)
    logs_there = [
        one for one in tasks_of(ecs, serviceName="logs", **CLUSTER)
        if one["containerInstanceArn"] == drained and one["taskDefinitionArn"] == second
    ]
    web_there = ecs.describe_tasks(tasks=[web_there["taskArn"]], **CLUSTER)["tasks"][0]
    assert web_there["lastStatus"] == "STOPPED"
    assert logs_there[0]["stoppingAt"] >= web_there["stoppedAt"]
    wait_stable(ecs, "logs", **CLUSTER)
    assert service_of(ecs, "logs", **CLUSTER)["desiredCount"] == 7
    ecs.update_container_instances_state(containerInstances=[drained], status="ACTIVE", **CLUSTER)
    wait_for("it is covered again", lambda: one_each(ecs, "logs", 8))

    # SVC-16: no force.
    assert ecs.delete_service(service="logs", **CLUSTER)["service"]["desiredCount"] == 0
    wait_for("its tasks stop", lambda: not places(ecs, "logs"))
