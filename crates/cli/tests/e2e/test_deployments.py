"""Deployments that fail, roll back, are stopped, and are remembered, as boto3 sees them on the process runtime."""

import botocore.exceptions
import pytest

from conftest import REGION, container, register, service_of, tasks_of, wait_for, wait_stable

BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}


@pytest.fixture
def ecs(programs, tmp_path):
    program = programs(
        "dev", "--data-dir", str(tmp_path / "data"), "--runtime", "process", "--no-auth", "--region", REGION,
        "--container-retention", "2",
    )
    wait_for("the node has joined", lambda: program.ecs.list_container_instances()["containerInstanceArns"])
    return program.ecs


def history(ecs, **filters):
    pages = ecs.get_paginator("list_service_deployments").paginate if ecs.can_paginate("list_service_deployments") else None
    if pages:
        return [one for page in pages(service="web", **filters) for one in page["serviceDeployments"]]
    found, token = [], {}
    while True:
        page = ecs.list_service_deployments(service="web", maxResults=1, **filters, **token)
        found += page["serviceDeployments"]
        if "nextToken" not in page:
            return found
        token = {"nextToken": page["nextToken"]}


def described(ecs, brief):
    reply = ecs.describe_service_deployments(serviceDeploymentArns=[brief["serviceDeploymentArn"]])
    assert reply["failures"] == []
    return reply["serviceDeployments"][0]


def deployed(ecs, **more):
    """A service that runs and may be updated."""
    register(ecs, "web")
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2, **more)
    wait_stable(ecs, "web")
    # DEP-51: the waiter looks at counts, the history at the steady state.
    wait_for("the first deployment succeeded", lambda: history(ecs)[0]["status"] == "SUCCESSFUL")
    return service_of(ecs, "web")


def test_a_bad_command_trips_the_breaker_and_rolls_back(ecs):
    """DEP-40, DEP-45, DEP-50..52, EV-9."""
    first = deployed(ecs, deploymentConfiguration=BREAKER)
    good, bad = first["taskDefinition"], register(ecs, "web", [container(command=["/no/such/program"])])
    ecs.update_service(service="web", taskDefinition="web")
    rolled = wait_for("the rollback", lambda: next(
        (one for one in history(ecs) if one["status"] == "ROLLBACK_SUCCESSFUL"), None
    ))
    service = service_of(ecs, "web")
    assert service["taskDefinition"] == good
    assert [(one["status"], one["rolloutState"], one["id"]) for one in service["deployments"]] == [
        ("PRIMARY", "COMPLETED", first["deployments"][0]["id"])
    ]
    running = [one for one in tasks_of(ecs) if one["lastStatus"] == "RUNNING"]
    assert {one["taskDefinitionArn"] for one in running} == {good} and len(running) == 2
    messages = [one["message"] for one in service["events"]]
    assert any("deployment failed: tasks failed to start." in one for one in messages), messages
    assert any("rolling back to deployment ecs-svc/" in one for one in messages), messages

    # Newest first, whatever the page size; statuses select.
    listed = history(ecs)
    assert [one["status"] for one in listed] == ["ROLLBACK_SUCCESSFUL", "SUCCESSFUL"]
    assert history(ecs, status=["SUCCESSFUL"]) == listed[1:]
    assert history(ecs, createdAt={"before": listed[0]["createdAt"]}) == listed[1:]
    assert service["currentServiceDeployment"] == rolled["serviceDeploymentArn"]

    failed, succeeded = described(ecs, listed[0]), described(ecs, listed[1])
    breaker = failed["deploymentCircuitBreaker"]
    assert breaker["status"] == "TRIGGERED" and breaker["failureCount"] >= breaker["threshold"] == 3
    assert succeeded["deploymentCircuitBreaker"]["status"] == "MONITORING_COMPLETE"
    assert "circuit breaker" in failed["statusReason"]
    assert failed["createdAt"] <= failed["startedAt"] <= failed["rollback"]["startedAt"] <= failed["finishedAt"]
    # DEP-50: what each brought, the image included.
    target = succeeded["targetServiceRevision"]
    assert failed["rollback"]["serviceRevisionArn"] == target["arn"]
    assert [one["arn"] for one in failed["sourceServiceRevisions"]] == [target["arn"]]
    assert (target["requestedTaskCount"], target["runningTaskCount"], target["pendingTaskCount"]) == (2, 2, 0)
    assert [one["arn"] for one in service["currentServiceRevisions"]] == [target["arn"]]
    unknown = target["arn"][:-1] + ("0" if target["arn"][-1] != "0" else "1")
    arns = [failed["targetServiceRevision"]["arn"], target["arn"], unknown]
    reply = ecs.describe_service_revisions(serviceRevisionArns=arns)
    assert [one["taskDefinition"] for one in reply["serviceRevisions"]] == [bad, good]
    assert reply["serviceRevisions"][0]["containerImages"][0]["containerName"] == "app"
    assert reply["failures"] == [{"arn": unknown, "reason": "MISSING"}]


def test_a_deployment_is_stopped_and_rolled_back(ecs):
    """DEP-53: works without the circuit breaker."""
    first = deployed(ecs, deploymentConfiguration={"minimumHealthyPercent": 100, "maximumPercent": 100})
    # With both at 100 percent the rollout can neither stop nor start anything.
    register(ecs, "web")
    ecs.update_service(service="web", taskDefinition="web")
    arn = wait_for("the deployment has begun", lambda: next(
        (one["serviceDeploymentArn"] for one in history(ecs) if one["status"] == "IN_PROGRESS"), None
    ))
    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ABORT")
    assert ecs.stop_service_deployment(serviceDeploymentArn=arn)["serviceDeploymentArn"] == arn
    stopped = wait_for("the rollback", lambda: next(
        (one for one in history(ecs) if one["status"] == "ROLLBACK_SUCCESSFUL"), None
    ))
    assert stopped["serviceDeploymentArn"] == arn
    assert described(ecs, stopped)["deploymentCircuitBreaker"]["status"] == "DISABLED"
    service = service_of(ecs, "web")
    assert service["taskDefinition"] == first["taskDefinition"]
    assert [one["id"] for one in service["deployments"]] == [first["deployments"][0]["id"]]
    with pytest.raises(botocore.exceptions.ClientError) as finished:
        ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert finished.value.response["Error"]["Code"] == "ConflictException"
    with pytest.raises(ecs.exceptions.ServiceDeploymentNotFoundException):
        ecs.stop_service_deployment(serviceDeploymentArn=arn[:-5] + "00000")
