"""Every member that a task definition can have comes back from Register, Describe and Deregister as it was sent."""

import pytest

from conftest import REGION, Listener, free_port
from model_requests import MODEL

ROLE = "arn:aws:iam::123456789012:role/tasks"
SECRET = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:s-AbCdEf"

ROUTER = {
    "name": "router", "image": "fluent/fluent-bit:3", "memory": 64,
    "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
    "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 10, "timeout": 3, "retries": 2, "startPeriod": 20},
}
MAIN = {
    "name": "main", "image": "registry.example:5000/team/app@sha256:" + "a" * 64,
    "repositoryCredentials": {"credentialsParameter": SECRET}, "cpu": 10, "memory": 128, "memoryReservation": 64,
    "links": ["router:log"], "essential": True, "entryPoint": ["/bin/sh"], "command": ["-c", "true"],
    "portMappings": [
        {"containerPort": 80, "hostPort": 8080, "protocol": "tcp", "name": "web", "appProtocol": "http2"},
        {"containerPortRange": "9000-9010", "protocol": "udp"},
    ],
    "restartPolicy": {"enabled": True, "ignoredExitCodes": [0, 3], "restartAttemptPeriod": 120},
    "environment": [{"name": "A", "value": "b"}], "environmentFiles": [{"value": "arn:aws:s3:::bucket/x.env", "type": "s3"}],
    "mountPoints": [{"sourceVolume": "host", "containerPath": "/data", "readOnly": True}],
    "volumesFrom": [{"sourceContainer": "router", "readOnly": True}],
    "linuxParameters": {
        "capabilities": {"add": ["NET_ADMIN"], "drop": ["ALL"]},
        "devices": [{"hostPath": "/dev/null", "containerPath": "/dev/nothing", "permissions": ["read", "write"]}],
        "initProcessEnabled": True, "sharedMemorySize": 64, "maxSwap": 128, "swappiness": 10,
        "tmpfs": [{"containerPath": "/tmp", "size": 16, "mountOptions": ["noexec", "mode=1777"]}],
    },
    "secrets": [{"name": "TOKEN", "valueFrom": SECRET}],
    "dependsOn": [{"containerName": "router", "condition": "HEALTHY"}], "startTimeout": 30, "stopTimeout": 20,
    "versionConsistency": "enabled", "hostname": "app", "user": "1000:1000", "workingDirectory": "/srv",
    "disableNetworking": False, "privileged": False, "readonlyRootFilesystem": True, "dnsServers": ["10.0.0.2"],
    "dnsSearchDomains": ["example"], "extraHosts": [{"hostname": "db", "ipAddress": "10.0.0.3"}],
    "dockerSecurityOptions": ["no-new-privileges"], "interactive": True, "pseudoTerminal": True,
    "dockerLabels": {"team": "a"}, "ulimits": [{"name": "nofile", "softLimit": 1024, "hardLimit": 2048}],
    "logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "stdout"}, "secretOptions": [{"name": "key", "valueFrom": SECRET}]},
    "systemControls": [{"namespace": "net.core.somaxconn", "value": "1024"}],
    "resourceRequirements": [{"type": "GPU", "value": "1"}, {"type": "InferenceAccelerator", "value": "eia"}],
    "credentialSpecs": ["credentialspec:arn:aws:s3:::bucket/spec"],
}
BRIDGE = {
    "taskRoleArn": ROLE, "executionRoleArn": ROLE, "networkMode": "bridge", "containerDefinitions": [MAIN, ROUTER],
    "volumes": [
        {"name": "host", "host": {"sourcePath": "/srv/data"}},
        {"name": "docker", "dockerVolumeConfiguration": {"scope": "shared", "autoprovision": True, "driver": "local", "driverOpts": {"o": "size=1g"}, "labels": {"a": "b"}}},
        {"name": "efs", "efsVolumeConfiguration": {"fileSystemId": "fs-1", "rootDirectory": "/", "transitEncryption": "ENABLED", "transitEncryptionPort": 2049, "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}},
        {"name": "fsx", "fsxWindowsFileServerVolumeConfiguration": {"fileSystemId": "fs-2", "rootDirectory": "share", "authorizationConfig": {"credentialsParameter": SECRET, "domain": "example.com"}}},
        {"name": "s3", "s3filesVolumeConfiguration": {"fileSystemArn": "arn:aws:s3files:eu-north-1:123456789012:file-system/fs-3", "rootDirectory": "/", "transitEncryptionPort": 2050, "accessPointArn": "arn:aws:s3files:eu-north-1:123456789012:file-system/fs-3/access-point/a"}},
        {"name": "ebs", "configuredAtLaunch": True},
    ],
    "placementConstraints": [{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    "requiresCompatibilities": ["EC2"], "cpu": "512", "memory": "1024", "tags": [{"key": "team", "value": "a"}],
    "pidMode": "task", "ipcMode": "task", "inferenceAccelerators": [{"deviceName": "eia", "deviceType": "eia1.medium"}],
    "runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}, "enableFaultInjection": True,
    "trustedExecutionConfiguration": {"isolationMode": "SHARED", "attestationPolicy": "none"},
}
FARGATE = {
    "executionRoleArn": ROLE, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
    "containerDefinitions": [{"name": "envoy", "image": "envoy"}], "ephemeralStorage": {"sizeInGiB": 30},
    "proxyConfiguration": {"type": "APPMESH", "containerName": "envoy", "properties": [{"name": "AppPorts", "value": "80"}]},
}
# The sharing of accelerators stands and falls with a driver that no node here has.
NOT_SENT = {"resourceRequirements.sharingStrategy"}


@pytest.fixture(scope="module")
def ecs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("definitions")
    port = free_port()
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--no-auth", "--region", REGION],
        directory / "dev.log", port,
    )
    yield program.ecs
    program.interrupt()


def lost(sent, shown, path=""):
    """What was sent and is not shown as it was; defaults may come on top."""
    if isinstance(sent, dict):
        return [one for key, value in sent.items() for one in lost(value, shown.get(key) if isinstance(shown, dict) else None, f"{path}.{key}")]
    if isinstance(sent, list) and isinstance(shown, list) and len(sent) == len(shown):
        return [one for at, value in enumerate(sent) for one in lost(value, shown[at], f"{path}[{at}]")]
    return [] if sent == shown else [f"{path}: sent {sent!r}, shown {shown!r}"]


@pytest.mark.parametrize("body", [BRIDGE, FARGATE], ids=["bridge", "fargate"])
def test_td60_everything_sent_comes_back(ecs, body):
    sent = {key: value for key, value in body.items() if key != "tags"}
    registered = ecs.register_task_definition(family="full", **body)
    described = ecs.describe_task_definition(taskDefinition="full", include=["TAGS"])
    assert described["tags"] == body.get("tags", [])
    deregistered = ecs.deregister_task_definition(taskDefinition=registered["taskDefinition"]["taskDefinitionArn"])
    for answer in (registered, described, deregistered):
        assert lost(sent, answer["taskDefinition"]) == []
    assert registered["taskDefinition"] == described["taskDefinition"]
    changed = {key: value for key, value in deregistered["taskDefinition"].items() if described["taskDefinition"].get(key) != value}
    assert set(changed) == {"status", "deregisteredAt"}


def test_no_member_of_the_model_is_forgotten_here():
    def sent_members(value, path=""):
        if isinstance(value, dict):
            for key, inner in value.items():
                yield f"{path}.{key}".lstrip(".")
                yield from sent_members(inner, f"{path}.{key}")
        elif isinstance(value, list):
            for inner in value:
                yield from sent_members(inner, path)

    def model_members(shape, path=""):
        if shape.type_name == "structure":
            for name, member in shape.members.items():
                here = f"{path}.{name}".lstrip(".")
                if not any(here.endswith(left_out) for left_out in NOT_SENT):
                    yield here
                    yield from model_members(member, f"{path}.{name}")
        elif shape.type_name == "list":
            yield from model_members(shape.member, path)

    sent = {"family", *sent_members(BRIDGE), *sent_members(FARGATE)}
    missing = set(model_members(MODEL.operation_model("RegisterTaskDefinition").input_shape)) - sent
    assert missing == set()
