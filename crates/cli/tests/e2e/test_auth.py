"""SigV4 with generated keys, from boto3 and the AWS CLI; agents use the same keys."""

import re

import botocore.exceptions
import pytest

from conftest import REGION, aws, client_of, container, register, wait_for, wait_stable


def test_generated_keys_open_and_nothing_else_does(programs, tmp_path):
    dev = programs("dev", "--data-dir", str(tmp_path / "data"), "--runtime", "process", "--region", REGION)
    text = wait_for("dev prints what to paste", lambda: dev.text() if "AWS_SECRET_ACCESS_KEY" in dev.text() else None)
    key = re.search(r"AWS_ACCESS_KEY_ID=(\S+)", text)[1]
    secret = re.search(r"AWS_SECRET_ACCESS_KEY=(\S+)", text)[1]
    ecs = client_of(dev.endpoint, key, secret)
    wait_for("the node has joined", lambda: ecs.list_container_instances()["containerInstanceArns"])
    assert aws(dev.endpoint, "list-clusters", key=key, secret=secret)["clusterArns"]
    for wrong_key, wrong_secret, code in (
        (key, "no" * 20, "InvalidSignatureException"),
        ("AKIANOBODY", secret, "UnrecognizedClientException"),
    ):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            client_of(dev.endpoint, wrong_key, wrong_secret).list_clusters()
        assert refused.value.response["Error"]["Code"] == code
    register(ecs, "web", [container()])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)
    wait_stable(ecs, "web")


def test_a_second_start_finds_everything_again(programs, tmp_path):
    args = ("--data-dir", str(tmp_path / "data"), "--runtime", "process", "--no-auth", "--region", REGION)
    first = programs("dev", *args)
    register(first.ecs, "web", [container()])
    wait_for("the node has joined", lambda: first.ecs.list_container_instances()["containerInstanceArns"])
    arns = first.ecs.list_container_instances()["containerInstanceArns"]
    first.ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=2)
    wait_stable(first.ecs, "web")
    first.kill()
    second = programs("dev", *args)
    wait_stable(second.ecs, "web")
    assert second.ecs.list_container_instances()["containerInstanceArns"] == arns
