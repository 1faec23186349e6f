"""A blue/green deployment by hand, with the task sets of a service that has an EXTERNAL deployment controller."""

import botocore.exceptions
import pytest

from conftest import container, register, service_of, tasks_of, wait_for


def sets_of(ecs, service, **query):
    return {one["id"]: one for one in ecs.describe_task_sets(cluster="default", service=service, **query)["taskSets"]}


def wait_steady(ecs, service, *sets):
    def steady():
        found = sets_of(ecs, service)
        return all(found[one]["stabilityStatus"] == "STEADY_STATE" for one in sets)

    wait_for("the task sets are steady", steady)


def running_images(ecs, service):
    """How many running tasks there are of each definition."""
    counts = {}
    for task in tasks_of(ecs, serviceName=service):
        if task["lastStatus"] == "RUNNING":
            revision = task["taskDefinitionArn"].rpartition("/")[2]
            counts[revision] = counts.get(revision, 0) + 1
    return counts


def test_blue_green_by_hand(dev):
    ecs = dev.ecs
    register(ecs, "web")
    created = ecs.create_service(
        serviceName="web", desiredCount=3, deploymentController={"type": "EXTERNAL"},
        tags=[{"key": "team", "value": "a"}], propagateTags="SERVICE",
    )["service"]
    assert created["deploymentController"] == {"type": "EXTERNAL"}
    assert created["taskSets"] == [] and created["deployments"] == [] and "taskDefinition" not in created

    of_web = {"cluster": "default", "service": "web"}
    blue = ecs.create_task_set(
        **of_web, taskDefinition="web:1", externalId="blue", scale={"value": 100, "unit": "PERCENT"}, clientToken="blue-1",
        tags=[{"key": "side", "value": "blue"}],
    )["taskSet"]
    again = ecs.create_task_set(
        **of_web, taskDefinition="web:1", externalId="blue", scale={"value": 100, "unit": "PERCENT"}, clientToken="blue-1",
        tags=[{"key": "side", "value": "blue"}],
    )["taskSet"]
    assert again["id"] == blue["id"], "W-16"
    assert blue["computedDesiredCount"] == 3 and blue["status"] == "ACTIVE" and blue["stabilityStatus"] == "STABILIZING"
    wait_steady(ecs, "web", blue["id"])
    ecs.update_service_primary_task_set(**of_web, primaryTaskSet=blue["id"])
    assert service_of(ecs, "web")["taskDefinition"].endswith("web:1")
    assert {task["startedBy"] for task in tasks_of(ecs, serviceName="web")} == {blue["id"]}

    register(ecs, "web", [container(environment=[{"name": "V", "value": "2"}])])
    green = ecs.create_task_set(**of_web, taskDefinition="web:2", externalId="green")["taskSet"]
    assert green["scale"] == {"value": 0.0, "unit": "PERCENT"} and green["computedDesiredCount"] == 0
    ecs.update_task_set(**of_web, taskSet=green["taskSetArn"], scale={"value": 33.3, "unit": "PERCENT"})
    wait_steady(ecs, "web", blue["id"], green["id"])
    assert running_images(ecs, "web") == {"web:1": 3, "web:2": 1}
    ecs.update_task_set(**of_web, taskSet=green["id"], scale={"value": 100, "unit": "PERCENT"})
    wait_steady(ecs, "web", green["id"])
    assert running_images(ecs, "web") == {"web:1": 3, "web:2": 3}

    primary = ecs.update_service_primary_task_set(**of_web, primaryTaskSet=green["id"])["taskSet"]
    assert primary["status"] == "PRIMARY"
    assert sets_of(ecs, "web")[blue["id"]]["status"] == "ACTIVE"
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        ecs.delete_task_set(**of_web, taskSet=blue["id"])
    assert refused.value.response["Error"]["Code"] == "InvalidParameterException"
    ecs.update_task_set(**of_web, taskSet=blue["id"], scale={"value": 0, "unit": "PERCENT"})
    wait_steady(ecs, "web", blue["id"])
    assert running_images(ecs, "web") == {"web:2": 3}
    assert ecs.delete_task_set(**of_web, taskSet=blue["id"])["taskSet"]["status"] == "DRAINING"
    wait_for("the old set is gone", lambda: list(sets_of(ecs, "web")) == [green["id"]])
    missing = ecs.describe_task_sets(**of_web, taskSets=[blue["id"]], include=["TAGS"])
    assert missing["failures"] == [{"arn": blue["taskSetArn"], "reason": "MISSING"}] and missing["taskSets"] == []
    with pytest.raises(ecs.exceptions.TaskSetNotFoundException):
        ecs.delete_task_set(**of_web, taskSet=blue["id"])

    service = service_of(ecs, "web")
    assert service["runningCount"] == 3 and service["taskDefinition"].endswith("web:2")
    said = [event["message"] for event in service["events"]]
    assert any(one.startswith(f"(service web, taskSet {blue['id']}) has stopped 3 running tasks") for one in said), said
    assert f"(service web, taskSet {green['id']}) has reached a steady state." in said

    ecs.delete_service(service="web", force=True)
    wait_for("the service is gone", lambda: service_of(ecs, "web")["status"] == "INACTIVE")
    assert running_images(ecs, "web") == {}
