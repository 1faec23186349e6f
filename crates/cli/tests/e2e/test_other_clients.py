"""The AWS CLI of version 2 and the JavaScript SDK of version 3, as their users run them."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import IMAGE, PATIENCE, REGION, ROOT, SLEEPER, wait_for

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION, "AWS_PAGER": ""}
CONTAINERS = json.dumps([{"name": "app", "image": IMAGE, "memory": 16, "command": SLEEPER}])


@pytest.fixture
def process_dev(programs, tmp_path):
    program = programs("dev", "--data-dir", str(tmp_path / "data"), "--runtime", "process", "--no-auth", "--region", REGION)
    wait_for("the node has joined", lambda: program.ecs.list_container_instances()["containerInstanceArns"])
    return program


def version_2():
    for path in ("/usr/bin/aws", shutil.which("aws")):
        if path and subprocess.run([path, "--version"], capture_output=True, text=True).stdout.startswith("aws-cli/2"):
            return path
    raise AssertionError("AWS CLI 2 is not installed: apt-get install awscli, as cargo xtask ci does")


def cli(program, *args, fails=None):
    done = subprocess.run(
        [version_2(), "ecs", *args, "--endpoint-url", program.endpoint, "--output", "json"],
        capture_output=True, text=True, timeout=PATIENCE * 2, env={**os.environ, **KEYS},
    )
    if fails:
        assert done.returncode == 254 and fails in done.stderr, (args, done)
        return None
    assert done.returncode == 0, f"aws ecs {' '.join(args)}: {done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else None


def test_the_cli_of_version_2(process_dev):
    aws = lambda *args, **more: cli(process_dev, *args, **more)
    registered = aws("register-task-definition", "--family", "two", "--container-definitions", CONTAINERS)
    assert registered["taskDefinition"]["revision"] == 1
    aws(
        "create-service", "--service-name", "two", "--task-definition", "two", "--desired-count", "2",
        "--placement-strategy", "type=spread,field=instanceId", "--tags", '[{"key": "team", "value": "équipe ж 船"}]',
        "--deployment-configuration", "deploymentCircuitBreaker={enable=true,rollback=true},maximumPercent=200,minimumHealthyPercent=50",
    )
    aws("wait", "services-stable", "--services", "two")
    described = aws("describe-services", "--services", "two", "none", "--include", "TAGS")
    assert described["services"][0]["runningCount"] == 2
    assert described["services"][0]["tags"] == [{"key": "team", "value": "équipe ж 船"}]
    assert described["failures"][0]["reason"] == "MISSING"
    # Its paginators, and its own way to cut them short.
    assert len(aws("list-tasks", "--service-name", "two", "--page-size", "1")["taskArns"]) == 2
    first = aws("list-tasks", "--service-name", "two", "--max-items", "1")
    rest = aws("list-tasks", "--service-name", "two", "--starting-token", first["NextToken"])
    assert len({*first["taskArns"], *rest["taskArns"]}) == 2
    aws("update-service", "--service", "two", "--force-new-deployment", "--desired-count", "1")
    aws("wait", "services-stable", "--services", "two")
    task = aws("run-task", "--task-definition", "two", "--started-by", "cli", "--overrides", '{"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "b"}]}]}')
    arn = task["tasks"][0]["taskArn"]
    aws("wait", "tasks-running", "--tasks", arn)
    aws("stop-task", "--task", arn, "--reason", "seen enough")
    aws("wait", "tasks-stopped", "--tasks", arn)
    assert aws("describe-tasks", "--tasks", arn)["tasks"][0]["stoppedReason"] == "seen enough"
    aws("update-service", "--service", "none", fails="(ServiceNotFoundException)")
    aws("list-tasks", "--cluster", "nowhere", fails="(ClusterNotFoundException)")
    aws("delete-service", "--service", "two", "--force")
    aws("wait", "services-inactive", "--services", "two")
    skeleton = json.loads(subprocess.run([version_2(), "ecs", "create-cluster", "--generate-cli-skeleton"], capture_output=True, text=True, env={**os.environ, **KEYS}).stdout)
    assert "clusterName" in skeleton
    assert aws("create-cluster", "--cli-input-json", '{"clusterName": "from-a-file"}')["cluster"]["status"] == "ACTIVE"


def test_the_javascript_sdk(process_dev):
    modules = ROOT / ".cache/node"
    assert (modules / "node_modules/@aws-sdk/client-ecs").is_dir(), "cargo xtask ci --only tools installs the SDK"
    done = subprocess.run(
        ["node", str(ROOT / "crates/cli/tests/e2e/js/ecs.mjs"), process_dev.endpoint, REGION],
        capture_output=True, text=True, timeout=PATIENCE * 3,
        env={**os.environ, **KEYS, "PLIMSOLL_NODE_MODULES": str(modules), "PLIMSOLL_TEST_IMAGE": IMAGE},
    )
    assert done.returncode == 0, done.stderr
    modelled = lambda code: [code, 400, True]
    assert json.loads(done.stdout) == {
        "revision": 1, "registeredAt": True, "stable": "SUCCESS", "running": 2, "tag": "équipe ж 船", "missing": ["MISSING"], "tasks": 2,
        "errors": {
            "UpdateService": modelled("ServiceNotFoundException"), "ListTasks": modelled("ClusterNotFoundException"),
            "RunTask": modelled("InvalidParameterException"), "CreateExpressGatewayService": modelled("UnsupportedFeatureException"),
        },
        "stopCode": "UserInitiated",
    }
