"""I-25, W-16: what was committed and never answered is found again under its token, after the server was killed."""

import json
import socket
import time

import pytest

from conftest import REGION, container, free_port, wait_for

@pytest.fixture(params=["sqlite", "postgres"])
def server(request, tmp_path):
    # The database goes after the programs.
    database = request.getfixturevalue("database") if request.param == "postgres" else None
    programs = request.getfixturevalue("programs")
    data = str(tmp_path / "data")
    if database is None:
        program = programs("dev", "--runtime", "process", "--no-auth", "--region", REGION, "--data-dir", data)
    else:
        program = programs("server", "--database-url", database, "--no-auth", "--region", REGION)
        program.ecs.create_cluster()
        programs("agent", "--server", program.endpoint, "--runtime", "process", "--data-dir", data)
    wait_for("the node has joined", lambda: program.ecs.list_container_instances()["containerInstanceArns"])
    program.ecs.register_task_definition(family="web", containerDefinitions=[container(memory=8)])
    return program


def send_without_listening(port, operation, body):
    """The request leaves; nobody waits for what it is answered."""
    text = json.dumps(body).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/x-amz-json-1.1\r\n"
        f"X-Amz-Target: AmazonEC2ContainerServiceV20141113.{operation}\r\nContent-Length: {len(text)}\r\n\r\n"
    )
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(head.encode() + text)
    return connection


def killed_and_started(server):
    server.kill()
    server.restart()
    return server.ecs


def test_i25_run_task(server):
    body = {"taskDefinition": "web", "count": 3, "clientToken": "only-once", "startedBy": "me"}
    connection = send_without_listening(server.port, "RunTask", body)
    listed = lambda: server.ecs.list_tasks(startedBy="me")["taskArns"]
    first = wait_for("the tasks are committed", listed)
    ecs = killed_and_started(server)
    connection.close()
    again = ecs.run_task(**body)
    assert sorted(task["taskArn"] for task in again["tasks"]) == sorted(first) and len(first) == 3
    assert sorted(ecs.list_tasks(startedBy="me")["taskArns"]) == sorted(first)
    with pytest.raises(ecs.exceptions.ConflictException) as refused:
        ecs.run_task(**{**body, "count": 2})
    assert sorted(refused.value.response["resourceIds"]) == sorted(first)


def test_i25_create_service(server):
    body = {"serviceName": "s", "taskDefinition": "web", "desiredCount": 1, "clientToken": "only-once"}
    connection = send_without_listening(server.port, "CreateService", body)
    wait_for("the service is committed", lambda: server.ecs.list_services()["serviceArns"])
    created = server.ecs.describe_services(services=["s"])["services"][0]
    ecs = killed_and_started(server)
    connection.close()
    again = ecs.create_service(**body)["service"]
    assert (again["serviceArn"], again["createdAt"]) == (created["serviceArn"], created["createdAt"])
    assert [one["id"] for one in again["deployments"]] == [one["id"] for one in created["deployments"]]
    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.create_service(**{**body, "desiredCount": 2})


def test_i25_create_task_set(server):
    server.ecs.create_service(serviceName="e", deploymentController={"type": "EXTERNAL"}, desiredCount=1)
    body = {"cluster": "default", "service": "e", "taskDefinition": "web", "clientToken": "only-once", "scale": {"value": 100, "unit": "PERCENT"}}
    connection = send_without_listening(server.port, "CreateTaskSet", body)
    sets = lambda ecs: ecs.describe_task_sets(cluster="default", service="e")["taskSets"]
    created = wait_for("the task set is committed", lambda: sets(server.ecs))
    ecs = killed_and_started(server)
    connection.close()
    again = ecs.create_task_set(**body)["taskSet"]
    assert again["taskSetArn"] == created[0]["taskSetArn"]
    assert len(sets(ecs)) == 1


def test_i25_a_kill_between_any_two_requests(server):
    """Killed at moments nobody chose: whatever a token was answered, there are exactly its tasks."""
    for number, delay in enumerate([0.0, 0.001, 0.002, 0.004, 0.008]):
        body = {"taskDefinition": "web", "count": 2, "clientToken": f"token-{number}", "startedBy": f"run-{number}"}
        connection = send_without_listening(server.port, "RunTask", body)
        time.sleep(delay)
        ecs = killed_and_started(server)
        connection.close()
        # Until the node is back there is no room, and a token that started nothing may be used again.
        answered = wait_for("tasks", lambda: ecs.run_task(**body)["tasks"])
        arns = sorted(task["taskArn"] for task in answered)
        assert sorted(ecs.list_tasks(startedBy=f"run-{number}")["taskArns"]) == arns and len(arns) == 2
