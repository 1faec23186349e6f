"""What well-known tools ask for, in their order: Terraform's aws provider and ecspresso replayed, ecs-deploy itself."""

import os
import subprocess
import sys

import botocore.exceptions
import pytest

from conftest import PATIENCE, REGION, Listener, container, free_port, register, service_of, wait_for, wait_stable


@pytest.fixture(scope="module")
def dev(tmp_path_factory):
    directory = tmp_path_factory.mktemp("sequences")
    port = free_port()
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--no-auth", "--region", REGION],
        directory / "dev.log", port,
    )
    wait_for("the node has joined", lambda: program.ecs.list_container_instances()["containerInstanceArns"])
    yield program
    program.interrupt()


def test_terraform_creates_reads_updates_and_deletes(dev):
    """aws_ecs_cluster, aws_ecs_task_definition and aws_ecs_service, as their resources call the API."""
    ecs = dev.ecs
    tags = [{"key": "ManagedBy", "value": "terraform"}]
    cluster = ecs.create_cluster(
        clusterName="tf", tags=tags, settings=[{"name": "containerInsights", "value": "disabled"}]
    )["cluster"]["clusterArn"]
    read = ecs.describe_clusters(clusters=[cluster], include=["CONFIGURATIONS", "SETTINGS", "TAGS"])["clusters"][0]
    assert (read["status"], read["tags"]) == ("ACTIVE", tags)
    assert read["settings"] == [{"name": "containerInsights", "value": "disabled"}]
    ecs.update_cluster(cluster=cluster, settings=[{"name": "containerInsights", "value": "enhanced"}])
    read = ecs.describe_clusters(clusters=[cluster], include=["SETTINGS"])["clusters"][0]
    assert read["settings"][0]["value"] == "enhanced"
    ecs.tag_resource(resourceArn=cluster, tags=[{"key": "Stage", "value": "test"}])
    ecs.untag_resource(resourceArn=cluster, tagKeys=["ManagedBy"])
    assert ecs.list_tags_for_resource(resourceArn=cluster)["tags"] == [{"key": "Stage", "value": "test"}]

    made = ecs.register_task_definition(family="tf", containerDefinitions=[container()], tags=tags)
    arn = made["taskDefinition"]["taskDefinitionArn"]
    read = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
    assert (read["taskDefinition"], read["tags"]) == (made["taskDefinition"], tags)

    created = ecs.create_service(
        cluster=cluster, serviceName="tf", taskDefinition=arn, desiredCount=0, tags=tags, propagateTags="SERVICE",
        clientToken="terraform-1", launchType="EC2", schedulingStrategy="REPLICA",
        deploymentConfiguration={"maximumPercent": 200, "minimumHealthyPercent": 100},
        placementStrategy=[{"type": "binpack", "field": "cpu"}],
        placementConstraints=[{"type": "memberOf", "expression": "attribute:ecs.os-type == linux"}],
    )["service"]
    read = lambda: ecs.describe_services(cluster=cluster, services=[created["serviceArn"]], include=["TAGS"])["services"][0]
    assert (read()["status"], read()["tags"]) == ("ACTIVE", tags)
    # Absent leaves things as they are, an empty list takes them away (SVC-12).
    ecs.update_service(cluster=cluster, service=created["serviceName"], desiredCount=0)
    assert len(read()["placementStrategy"]) == len(read()["placementConstraints"]) == 1
    ecs.update_service(cluster=cluster, service=created["serviceName"], placementStrategy=[], placementConstraints=[])
    assert read()["placementStrategy"] == read()["placementConstraints"] == []

    # The cluster is deleted before its service is gone: Terraform tries again on this error.
    with pytest.raises(ecs.exceptions.ClusterContainsServicesException):
        ecs.delete_cluster(cluster=cluster)
    ecs.update_service(cluster=cluster, service=created["serviceName"], desiredCount=0)
    ecs.delete_service(cluster=cluster, service=created["serviceName"])
    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=["tf"], WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})
    ecs.deregister_task_definition(taskDefinition=arn)
    ecs.delete_task_definitions(taskDefinitions=[arn])
    assert ecs.delete_cluster(cluster=cluster)["cluster"]["status"] == "INACTIVE"
    assert ecs.describe_clusters(clusters=[cluster])["clusters"][0]["status"] == "INACTIVE"
    with pytest.raises(botocore.exceptions.ClientError, match="The specified cluster is inactive"):
        ecs.list_tags_for_resource(resourceArn=cluster)


def test_terraform_reads_settings_of_the_account(dev):
    ecs = dev.ecs
    set_to = ecs.put_account_setting_default(name="containerInsights", value="enabled")["setting"]
    found = ecs.list_account_settings(name="containerInsights", effectiveSettings=True)["settings"]
    assert [(one["name"], one["value"]) for one in found] == [("containerInsights", set_to["value"])]
    ecs.put_account_setting_default(name="containerInsights", value="disabled")


def test_ecspresso_deploys_and_rolls_back(dev):
    """register, create, wait; register, update, wait; update to the revision before, deregister the one after."""
    ecs = dev.ecs
    first = register(ecs, "press", tags=[{"key": "app", "value": "press"}])
    with pytest.raises(ecs.exceptions.ServiceNotFoundException):
        ecs.update_service(service="press", forceNewDeployment=False)
    assert ecs.describe_services(services=["press"], include=["TAGS"])["failures"][0]["reason"] == "MISSING"
    ecs.create_service(serviceName="press", taskDefinition=first, desiredCount=1, enableECSManagedTags=True)
    wait_stable(ecs, "press")
    ecs.describe_task_definition(taskDefinition=first, include=["TAGS"])
    second = register(ecs, "press", [container(environment=[{"name": "A", "value": "2"}])])
    ecs.update_service(service="press", taskDefinition=second, forceNewDeployment=False, desiredCount=1)
    wait_stable(ecs, "press")
    assert service_of(ecs, "press")["taskDefinition"] == second
    assert "events" in service_of(ecs, "press") and service_of(ecs, "press")["deployments"][0]["rolloutState"] == "COMPLETED"
    revisions = ecs.list_task_definitions(familyPrefix="press", sort="DESC", maxResults=2)["taskDefinitionArns"]
    assert revisions == [second, first]
    ecs.update_service(service="press", taskDefinition=first)
    wait_stable(ecs, "press")
    ecs.deregister_task_definition(taskDefinition=second)
    run = ecs.run_task(taskDefinition=first, count=1, startedBy="ecspresso", tags=[{"key": "a", "value": "b"}])
    task = run["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_running").wait(tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})
    ecs.stop_task(task=task, reason="done")
    ecs.get_waiter("tasks_stopped").wait(tasks=[task], WaiterConfig={"Delay": 1, "MaxAttempts": PATIENCE})
    ecs.delete_service(service="press", force=True)


def ecs_deploy(dev, *args):
    """The program `ecs` of the package ecs-deploy, with every endpoint set to the server."""
    program = os.path.join(os.path.dirname(sys.executable), "ecs")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    done = subprocess.run(
        [program, *args], capture_output=True, text=True, timeout=PATIENCE * 2,
        env={**os.environ, **keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": dev.endpoint},
    )
    assert done.returncode == 0, f"ecs {' '.join(args)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_ecs_deploy_deploys_scales_and_runs(dev):
    ecs = dev.ecs
    first = register(ecs, "shipped")
    ecs.create_service(serviceName="shipped", taskDefinition=first, desiredCount=1)
    wait_stable(ecs, "shipped")
    out = ecs_deploy(dev, "deploy", "default", "shipped", "-e", "app", "STAGE", "two", "--timeout", str(PATIENCE), "--sleep-time", "1")
    assert "successful" in out.lower(), out
    deployed = service_of(ecs, "shipped")["taskDefinition"]
    assert deployed != first
    shown = ecs.describe_task_definition(taskDefinition=deployed)["taskDefinition"]["containerDefinitions"][0]
    assert shown["environment"] == [{"name": "STAGE", "value": "two"}]
    # It deregisters the revision before, unless it is told to keep it.
    assert ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]["status"] == "INACTIVE"
    ecs_deploy(dev, "scale", "default", "shipped", "2", "--timeout", str(PATIENCE), "--sleep-time", "1")
    assert service_of(ecs, "shipped")["runningCount"] == 2
    out = ecs_deploy(dev, "run", "default", "shipped", "1")
    assert "task" in out.lower()
    assert len(ecs.list_tasks(family="shipped")["taskArns"]) >= 3


def test_ecs_deploy_rolls_back_what_does_not_start(dev):
    ecs = dev.ecs
    first = register(ecs, "back")
    ecs.create_service(serviceName="back", taskDefinition=first, desiredCount=1)
    wait_stable(ecs, "back")
    program = os.path.join(os.path.dirname(sys.executable), "ecs")
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}
    failed = subprocess.run(
        [program, "deploy", "default", "back", "-c", "app", "/nowhere", "--rollback", "--timeout", "10", "--sleep-time", "1"],
        capture_output=True, text=True, timeout=PATIENCE * 2,
        env={**os.environ, **keys, "AWS_REGION": REGION, "AWS_ENDPOINT_URL": dev.endpoint},
    )
    assert failed.returncode != 0, failed.stdout
    assert "roll" in failed.stdout.lower() + failed.stderr.lower(), failed.stdout + failed.stderr
    wait_stable(ecs, "back")
    now = ecs.describe_task_definition(taskDefinition=service_of(ecs, "back")["taskDefinition"])["taskDefinition"]
    before = ecs.describe_task_definition(taskDefinition=first)["taskDefinition"]
    assert now["containerDefinitions"] == before["containerDefinitions"]
