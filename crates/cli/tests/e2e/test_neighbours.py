"""What reaches this endpoint when it is configured for every service, as the SDK's own parsers read the answer."""

import http.client
import json
import os
import subprocess
import sys

import boto3
import botocore.config
import botocore.exceptions
import pytest

from conftest import REGION, Listener, free_port, wait_for


@pytest.fixture(scope="module", params=["open", "keys"])
def server(request, tmp_path_factory):
    directory = tmp_path_factory.mktemp("neighbours")
    port = free_port()
    auth = ["--no-auth"] if request.param == "open" else []
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--region", REGION, *auth],
        directory / "dev.log", port,
    )
    program.keys = ("test", "test")
    if request.param == "keys":
        wait_for("the keys are printed", lambda: "AWS_SECRET_ACCESS_KEY=" in program.text())
        words = dict(line.split("=", 1) for line in program.text().replace("export ", "").split() if "=" in line)
        program.keys = (words["AWS_ACCESS_KEY_ID"], words["AWS_SECRET_ACCESS_KEY"])
    yield program
    program.interrupt()


def client(server, service, secret=None):
    return boto3.client(
        service, endpoint_url=server.endpoint, region_name=REGION, aws_access_key_id=server.keys[0],
        aws_secret_access_key=secret or server.keys[1],
        config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


def test_sts_says_who_calls(server):
    identity = client(server, "sts").get_caller_identity()
    arn = client(server, "ecs").list_clusters()["clusterArns"][0]
    assert identity["Account"] == arn.split(":")[4]
    assert identity["Arn"].startswith(f"arn:aws:iam::{identity['Account']}:")
    assert identity["UserId"]


def test_the_cli_knows_who_it_is_and_what_is_set(server):
    """One endpoint for all, as a user of the AWS CLI sets it."""
    settings = {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
        "AWS_ACCESS_KEY_ID": server.keys[0], "AWS_SECRET_ACCESS_KEY": server.keys[1],
    }

    def aws(*args):
        command = [sys.executable, "-m", "awscli", *args, "--output", "json"]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **settings})
        assert done.returncode == 0, f"aws {' '.join(args)}: {done.stderr}"
        return json.loads(done.stdout) if done.stdout.strip() else None

    assert aws("sts", "get-caller-identity")["Arn"].startswith("arn:aws:iam::")
    cluster = aws("ecs", "list-clusters")["clusterArns"][0]
    assert aws("ecs", "tag-resource", "--resource-arn", cluster, "--tags", "key=team,value=a") is None
    assert aws("ecs", "list-tags-for-resource", "--resource-arn", cluster)["tags"] == [{"key": "team", "value": "a"}]
    assert len(aws("ecs", "list-account-settings", "--effective-settings")["settings"]) == 11


def test_nothing_is_scaled_by_anybody_else(server):
    scaling = client(server, "application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    assert scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"] == []


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("application-autoscaling", lambda c: c.describe_scheduled_actions(ServiceNamespace="ecs"), "UnknownOperationException"),
        ("sts", lambda c: c.get_session_token(), "InvalidAction"),
        ("iam", lambda c: c.list_users(), "InvalidAction"),
        ("elbv2", lambda c: c.describe_load_balancers(), "InvalidAction"),
        ("ec2", lambda c: c.describe_vpcs(), "InvalidAction"),
        ("logs", lambda c: c.describe_log_groups(), "UnknownOperationException"),
        ("ecr", lambda c: c.get_authorization_token(), "UnknownOperationException"),
        ("servicediscovery", lambda c: c.list_namespaces(), "UnknownOperationException"),
        ("secretsmanager", lambda c: c.list_secrets(), "UnknownOperationException"),
        ("s3", lambda c: c.list_objects_v2(Bucket="bucket"), "NotImplemented"),
        ("lambda", lambda c: c.list_functions(), "UnknownOperationException"),
    ],
)
def test_other_services_say_in_their_own_words_that_they_are_not_here(server, service, call, code):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(client(server, service))
    error = refused.value.response
    assert error["Error"]["Code"] == code, error
    assert "endpoint of ECS alone" in error["Error"]["Message"], error
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_a_neighbour_is_told_when_the_key_is_wrong(server):
    if server.keys == ("test", "test"):
        assert client(server, "sts", secret="any").get_caller_identity()["Account"]
        return
    for service, call in [
        ("sts", lambda c: c.get_caller_identity()),
        ("application-autoscaling", lambda c: c.describe_scalable_targets(ServiceNamespace="ecs")),
    ]:
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            call(client(server, service, secret="wrong"))
        assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_cbor_is_told_what_to_speak_instead(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    path = "/service/AmazonEC2ContainerServiceV20141113/operation/ListClusters"
    connection.request("POST", path, body=b"\xa0", headers={"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor"})
    reply = connection.getresponse()
    body = reply.read()
    assert (reply.status, reply.getheader("smithy-protocol"), reply.getheader("content-type")) == (415, "rpc-v2-cbor", "application/cbor")
    assert body[:1] == b"\xa2" and b"UnknownOperationException" in body and b"JSON 1.1" in body
