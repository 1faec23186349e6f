"""SigV4 with generated keys, from boto3 and the AWS CLI; agents use the same keys."""

import re
import subprocess

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


def test_i38_no_secret_is_written_anywhere(programs, tmp_path, database):
    """Keys are used by the API, an agent and wrong callers; then everything anybody can read is searched for them."""
    secrets = {"AKIAFIRST": "first-secret-0123456789abcdef", "AKIASECOND": "second-secret-fedcba9876543210"}
    keys = tmp_path / "keys"
    keys.write_text("".join(f"{key} {secret}\n" for key, secret in secrets.items()))
    own = tmp_path / "own-keys"
    own.write_text(f"AKIASECOND {secrets['AKIASECOND']}\n")
    for path in (keys, own):
        path.chmod(0o600)
    server = programs(
        "server", "--database-url", database, "--region", REGION, "--keys-file", str(keys), "--log", "debug,plimsoll=trace",
    )
    agent = programs(
        "agent", "--server", server.endpoint, "--runtime", "process", "--data-dir", str(tmp_path / "agent"), "--log", "debug,plimsoll=trace",
        "--keys-file", str(own),
    )
    ecs = client_of(server.endpoint, "AKIAFIRST", secrets["AKIAFIRST"])
    wait_for("the node has joined", lambda: joined(ecs))
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        client_of(server.endpoint, "AKIAFIRST", secrets["AKIASECOND"]).list_clusters()
    register(ecs, "web", [container(environment=[{"name": "TOKEN", "value": "task-secret-5555"}])])
    ecs.create_service(serviceName="web", taskDefinition="web", desiredCount=1)
    wait_stable(ecs, "web")
    metrics = server.metrics()
    described = [
        ecs.describe_services(services=["web"]), ecs.describe_clusters(include=["SETTINGS", "TAGS", "STATISTICS", "CONFIGURATIONS"]),
        ecs.describe_tasks(tasks=ecs.list_tasks()["taskArns"]), refused.value.response,
        ecs.describe_container_instances(containerInstances=ecs.list_container_instances()["containerInstanceArns"]),
    ]
    dump = subprocess.run(["pg_dump", database], capture_output=True, text=True, check=True).stdout
    assert "web" in dump
    shown = {"server log": server.text(), "agent log": agent.text(), "metrics": metrics, "answers": repr(described), "database": dump}
    for where, text in shown.items():
        for secret in secrets.values():
            assert secret not in text, where
        # An environment belongs to its definition, which describes it and is stored; nobody else repeats it.
        if where != "database":
            assert "task-secret-5555" not in text, where


def joined(ecs):
    try:
        return ecs.list_container_instances()["containerInstanceArns"]
    except ecs.exceptions.ClusterNotFoundException:
        return []
