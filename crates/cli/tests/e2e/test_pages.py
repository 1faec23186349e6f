"""The paginators of the SDK, each over more objects than fit into one page; the waiters are used all over the tests."""

import boto3
import pytest

from conftest import REGION, Listener, container, free_port

COUNT = 250


@pytest.fixture(scope="module")
def ecs(tmp_path_factory):
    directory = tmp_path_factory.mktemp("pages")
    port = free_port()
    program = Listener(
        ["dev", "--listen", f"127.0.0.1:{port}", "--data-dir", str(directory / "data"), "--runtime", "process", "--no-auth", "--region", REGION],
        directory / "dev.log", port,
    )
    ecs = program.ecs
    resources = [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 64}]
    ecs.create_cluster(clusterName="many")
    for number in range(COUNT):
        ecs.register_task_definition(family="many", containerDefinitions=[container()])
        ecs.create_cluster(clusterName=f"cluster-{number}")
        ecs.register_container_instance(
            cluster="many", totalResources=resources, attributes=[{"name": "number", "value": str(number)}]
        )
        ecs.register_task_definition(family=f"family-{number}", containerDefinitions=[container()])
        ecs.create_service(cluster="many", serviceName=f"service-{number}", taskDefinition="many", desiredCount=0)
    yield ecs
    program.interrupt()


def collected(ecs, paginator, member, **query):
    pages = list(ecs.get_paginator(paginator).paginate(**query))
    found = [entry for page in pages for entry in page[member]]
    assert len(pages) > 1, "one page holds everything"
    assert all(page[member] for page in pages[:-1])
    return found


@pytest.mark.parametrize(
    ("paginator", "member", "query"),
    [
        ("list_clusters", "clusterArns", {}),
        ("list_container_instances", "containerInstanceArns", {"cluster": "many"}),
        ("list_services", "serviceArns", {"cluster": "many"}),
        ("list_task_definition_families", "families", {"familyPrefix": "family-"}),
        ("list_task_definitions", "taskDefinitionArns", {"familyPrefix": "many"}),
        ("list_attributes", "attributes", {"cluster": "many", "targetType": "container-instance", "attributeName": "number"}),
    ],
)
def test_a_paginator_sees_everything_once(ecs, paginator, member, query):
    found = [str(entry) for entry in collected(ecs, paginator, member, **query)]
    assert len(found) >= COUNT
    assert len(found) == len(set(found))
    small = collected(ecs, paginator, member, **query, PaginationConfig={"PageSize": 7})
    assert [str(entry) for entry in small] == found


def test_account_settings_have_pages_too(ecs):
    """There are no more than these names, and a principal lists only its own."""
    found = collected(ecs, "list_account_settings", "settings", effectiveSettings=True)
    assert len({setting["name"] for setting in found}) == len(found) == 11
    small = collected(ecs, "list_account_settings", "settings", effectiveSettings=True, PaginationConfig={"PageSize": 1})
    assert small == found


def test_tasks_have_pages(ecs):
    """Tasks that really run, on the one node that there is."""
    light = [container(command=["sleep", "600"], memory=4)]
    ecs.register_task_definition(family="light", containerDefinitions=light)
    runs = [ecs.run_task(taskDefinition="light", count=10) for _ in range(COUNT // 10 + 1)]
    assert [run["failures"] for run in runs] == [[]] * len(runs)
    started = {task["taskArn"] for run in runs for task in run["tasks"]}
    found = collected(ecs, "list_tasks", "taskArns", family="light")
    assert len(found) == len(started) > COUNT and set(found) == started
    for arn in started:
        ecs.stop_task(task=arn)
    small = collected(ecs, "list_tasks", "taskArns", family="light", desiredStatus="STOPPED", PaginationConfig={"PageSize": 7})
    assert len(small) == len(started) and set(small) == started


def test_services_by_namespace_are_not_here(ecs):
    with pytest.raises(ecs.exceptions.NamespaceNotFoundException):
        list(ecs.get_paginator("list_services_by_namespace").paginate(namespace="internal"))


def test_these_are_the_paginators_there_are():
    from botocore.session import get_session

    names = set(get_session().get_paginator_model("ecs")._paginator_config)
    assert names >= {
        "ListAccountSettings", "ListAttributes", "ListClusters", "ListContainerInstances", "ListServices",
        "ListServicesByNamespace", "ListTaskDefinitionFamilies", "ListTaskDefinitions", "ListTasks",
    }
