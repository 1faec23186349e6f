"""Whatever arrives, the answer is a 4xx that a person can act on, and the server lives."""

import http.client
import json

import pytest

from conftest import REGION, free_port

PREFIX = "AmazonEC2ContainerServiceV20141113."


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    from conftest import Listener

    directory = tmp_path_factory.mktemp("bad")
    port = free_port()
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--no-auth", "--region", REGION],
        directory / "dev.log", port,
    )
    yield program
    # The server lives, and nothing panicked on the way.
    assert program.process.poll() is None
    assert program.ecs.list_clusters()["clusterArns"]
    assert "panicked" not in program.text()
    program.interrupt()


def post(endpoint, target, body, method="POST", path="/"):
    connection = http.client.HTTPConnection("127.0.0.1", endpoint.port, timeout=10)
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if target is not None:
        headers["X-Amz-Target"] = target
    try:
        connection.request(method, path, body=body if isinstance(body, bytes) else json.dumps(body).encode(), headers=headers)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (BrokenPipeError, ConnectionResetError):
        # A body far over the limit may be cut off while it is still being sent.
        reply = connection.getresponse()
        return reply.status, reply.read()


CASES = [
    ("CreateCluster", b"{", "SerializationException"),
    ("CreateCluster", b"[]", "SerializationException"),
    ("CreateCluster", b"\xff\xfe", "SerializationException"),
    ("CreateCluster", b"[" * 10_000, "SerializationException"),
    ("CreateCluster", b'{"clusterName":1e999}', "SerializationException"),
    ("CreateCluster", {"clusterName": 5}, "SerializationException"),
    ("CreateCluster", {"clusterName": "a b"}, "InvalidParameterException"),
    ("CreateCluster", {"clusterName": "x" * 256}, "InvalidParameterException"),
    ("DescribeTasks", {"tasks": []}, "InvalidParameterException"),
    ("DescribeTasks", {"tasks": ["x"] * 101}, "InvalidParameterException"),
    ("DescribeTasks", {"tasks": ["arn:aws:s3:::x"]}, "InvalidParameterException"),
    ("DescribeTasks", {"cluster": "nowhere", "tasks": ["0" * 32]}, "ClusterNotFoundException"),
    ("RunTask", {"taskDefinition": "none"}, "ClientException"),
    ("RunTask", {}, "InvalidParameterException"),
    ("RunTask", {"taskDefinition": "web", "count": 11}, "InvalidParameterException"),
    ("RunTask", {"taskDefinition": "web", "count": 2.5}, "SerializationException"),
    ("ListTasks", {"nextToken": "forged"}, "InvalidParameterException"),
    ("ListTasks", {"maxResults": 101}, "InvalidParameterException"),
    ("ListContainerInstances", {"filter": "attribute:a =="}, "InvalidParameterException"),
    ("ListContainerInstances", {"filter": "(" * 1900}, "InvalidParameterException"),
    ("ListContainerInstances", {"filter": "x" * 5000}, "InvalidParameterException"),
    ("ListContainerInstances", {"filter": "attribute:a =~ ((a+)+)+$"}, None),
    ("RegisterTaskDefinition", {"family": "web", "containerDefinitions": []}, "ClientException"),
    ("CreateService", {"serviceName": "s", "taskDefinition": "web", "desiredCount": -1}, "InvalidParameterException"),
    ("CreateService", {"serviceName": "s", "taskDefinition": "web", "desiredCount": 10**12}, "SerializationException"),
    ("UpdateService", {"service": "none"}, "ServiceNotFoundException"),
    ("DeleteService", {"service": "none"}, "ServiceNotFoundException"),
    ("CreateDaemon", {"daemonName": "d", "daemonTaskDefinitionArn": "a", "capacityProviderArns": ["a"]}, "UnsupportedFeatureException"),
]


@pytest.mark.parametrize(("operation", "body", "code"), CASES)
def test_each_is_refused_by_name(endpoint, operation, body, code):
    status, reply = post(endpoint, PREFIX + operation, body)
    if code is None:
        assert status == 200, reply
        return
    assert status == 400, reply
    error = json.loads(reply)
    assert error["__type"] == code, error
    assert error["message"]


def test_unknown_operations_and_targets(endpoint):
    for target in (None, "", "Nonsense", PREFIX + "MakeCoffee", "Other.CreateCluster"):
        status, reply = post(endpoint, target, {})
        assert (status, json.loads(reply)["__type"]) == (400, "UnknownOperationException")


def test_every_operation_of_the_model_answers_without_a_5xx(endpoint):
    import boto3

    model = boto3.client("ecs", region_name="x", aws_access_key_id="x", aws_secret_access_key="x").meta.service_model
    for operation in model.operation_names:
        status, reply = post(endpoint, PREFIX + operation, {})
        assert status in (200, 400), (operation, status, reply)
        assert isinstance(json.loads(reply), dict)


def test_huge_bodies_and_other_methods(endpoint):
    status, reply = post(endpoint, PREFIX + "CreateCluster", b'{"clusterName":"' + b"x" * 10_000_000 + b'"}')
    assert 400 <= status < 500, (status, reply[:200])
    for method, path in (("GET", "/"), ("PUT", "/"), ("POST", "/nowhere"), ("DELETE", "/metrics")):
        status, _ = post(endpoint, PREFIX + "ListClusters", {}, method=method, path=path)
        assert 400 <= status < 500, (method, path, status)
