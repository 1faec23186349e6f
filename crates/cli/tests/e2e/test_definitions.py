"""Every member that a task definition can have comes back from Register, Describe and Deregister as it was sent."""

import time

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
    "resourceRequirements": [{"type": "GPU", "value": "1", "sharingStrategy": {"nvidiaMps": {"maxComputePercent": 50, "memory": 1024}}}, {"type": "InferenceAccelerator", "value": "eia"}],
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
    required = {one["name"] for one in registered["taskDefinition"]["requiresAttributes"]}
    assert ("plimsoll.gpu-sharing" in required) == (body is BRIDGE)


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
                yield here
                yield from model_members(member, f"{path}.{name}")
        elif shape.type_name == "list":
            yield from model_members(shape.member, path)

    sent = {"family", *sent_members(BRIDGE), *sent_members(FARGATE)}
    missing = set(model_members(MODEL.operation_model("RegisterTaskDefinition").input_shape)) - sent
    assert missing == set()


def registers(ecs, **body):
    return ecs.register_task_definition(family="rules", **body)["taskDefinition"]


def container_with(**members):
    return {"containerDefinitions": [{"name": "envoy", "image": "envoy", "memory": 16, **members}]}


@pytest.mark.parametrize(
    "change",
    [
        {"pidMode": "host"}, {"ipcMode": "task"}, container_with(privileged=True),
        container_with(linuxParameters={"devices": [{"hostPath": "/dev/null"}]}),
        container_with(linuxParameters={"sharedMemorySize": 64}),
        container_with(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}),
        container_with(dockerSecurityOptions=["no-new-privileges"]),
        container_with(resourceRequirements=[{"type": "GPU", "value": "1"}]),
        container_with(logConfiguration={"logDriver": "syslog"}),
        {"volumes": [{"name": "v", "host": {"sourcePath": "/srv"}}]},
        {"volumes": [{"name": "v", "dockerVolumeConfiguration": {"scope": "task"}}]},
        {"placementConstraints": [{"type": "memberOf", "expression": "attribute:a exists"}]},
    ],
    ids=str,
)
def test_td20_what_fargate_rules_out_is_refused_where_fargate_is_asked_for(ecs, change):
    body = {**FARGATE, **change}
    with pytest.raises(ecs.exceptions.ClientException):
        registers(ecs, **body)
    # Where it is not asked for, it is left out of the compatibilities.
    plain = {key: value for key, value in body.items() if key not in ("requiresCompatibilities", "ephemeralStorage")}
    assert "FARGATE" not in registers(ecs, **plain)["compatibilities"]


@pytest.mark.parametrize(("size", "fits"), [(20, False), (21, True), (200, True), (201, False)])
def test_td21_ephemeral_storage_is_bounded(ecs, size, fits):
    body = {**FARGATE, "ephemeralStorage": {"sizeInGiB": size}}
    if fits:
        assert registers(ecs, **body)["ephemeralStorage"] == {"sizeInGiB": size}
    else:
        with pytest.raises(ecs.exceptions.ClientException, match="21"):
            registers(ecs, **body)


def test_td30_a_network_mode_that_was_left_out_is_not_shown(ecs):
    assert "networkMode" not in registers(ecs, **container_with())


def test_td36_reserved_host_ports_are_a_matter_of_placement(ecs):
    ports = [{"containerPort": port, "hostPort": port} for port in (22, 2375, 51678, 40000)]
    shown = registers(ecs, **container_with(portMappings=ports))
    assert [mapping["hostPort"] for mapping in shown["containerDefinitions"][0]["portMappings"]] == [22, 2375, 51678, 40000]


def test_td41_extra_hosts_are_whole_and_networking_may_be_off(ecs):
    for host in ({"hostname": "db", "ipAddress": ""}, {"hostname": "", "ipAddress": "10.0.0.1"}):
        with pytest.raises(ecs.exceptions.ClientException):
            registers(ecs, **container_with(extraHosts=[host]))
    shown = registers(ecs, **container_with(disableNetworking=True, portMappings=[{"containerPort": 80}]))
    assert shown["containerDefinitions"][0]["disableNetworking"] is True


def test_w17_and_cl5_batches_report_what_is_missing_in_order(ecs):
    for name in ("b", "a"):
        ecs.create_cluster(clusterName=name)
    ecs.delete_cluster(cluster="a")
    answer = ecs.describe_clusters(clusters=["b", "none", "a", "b"])
    assert [(one["clusterName"], one["status"]) for one in answer["clusters"]] == [("b", "ACTIVE"), ("a", "INACTIVE")]
    assert [one["reason"] for one in answer["failures"]] == ["MISSING"]
    assert answer["failures"][0]["arn"].endswith(":cluster/none")
    assert [one["clusterName"] for one in ecs.describe_clusters()["clusters"]] == ["default"]


def test_prot2_and_prot3_what_cannot_be_protected_is_a_failure(ecs):
    unknown = "0" * 32
    refused = ecs.update_task_protection(cluster="default", tasks=[unknown], protectionEnabled=True)
    assert (refused["protectedTasks"], [one["reason"] for one in refused["failures"]]) == ([], ["MISSING"])
    assert [one["reason"] for one in ecs.get_task_protection(cluster="default", tasks=[unknown])["failures"]] == ["MISSING"]
    with pytest.raises(ecs.exceptions.InvalidParameterException):
        ecs.get_task_protection(cluster="default", tasks=[])


def test_w3_and_w10_answers_are_objects_with_times_in_seconds(ecs):
    shown = registers(ecs, **container_with())
    assert abs(shown["registeredAt"].timestamp() - time.time()) < 600
    assert shown["registeredAt"].microsecond % 1000 == 0
    assert ecs.tag_resource(resourceArn=shown["taskDefinitionArn"], tags=[{"key": "a", "value": "b"}])["ResponseMetadata"]["HTTPStatusCode"] == 200
