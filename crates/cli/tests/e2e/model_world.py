"""A small world in which each operation's valid request has something to work on."""

import http.client
import itertools
import json

from conftest import container, register, wait_for
from model_requests import Maker

PREFIX = "AmazonEC2ContainerServiceV20141113."
ACCOUNT = "000000000000"


class World:
    def __init__(self, program):
        self.program, self.ecs = program, program.ecs
        self.numbers = itertools.count(1)
        self.connection = http.client.HTTPConnection("127.0.0.1", program.port, timeout=60)
        ecs = self.ecs
        wait_for("the node has joined", lambda: ecs.list_container_instances()["containerInstanceArns"])
        self.definition = register(ecs, "web", [container(portMappings=[{"containerPort": 80}])])
        register(ecs, "vpc", networkMode="awsvpc")
        self.cluster = ecs.describe_clusters()["clusters"][0]["clusterArn"]
        self.instance = ecs.list_container_instances()["containerInstanceArns"][0]
        self.account = self.cluster.split(":")[4]
        group = f"arn:aws:autoscaling:eu-north-1:{self.account}:autoScalingGroup:a:autoScalingGroupName/own"
        ecs.create_capacity_provider(name="own", autoScalingGroupProvider={"autoScalingGroupArn": group})
        ecs.put_cluster_capacity_providers(cluster="default", capacityProviders=["own"], defaultCapacityProviderStrategy=[])
        self.service = self.fresh_service(desired=1)
        wait_for("a task of the service", lambda: ecs.list_tasks(serviceName=self.service)["taskArns"])
        self.service_task = ecs.list_tasks(serviceName=self.service)["taskArns"][0]
        self.task = self.fresh_task()
        deployments = lambda: ecs.list_service_deployments(service=self.service)["serviceDeployments"]
        wait_for("the deployment is over", lambda: deployments()[0]["status"] == "SUCCESSFUL")
        self.deployment = deployments()[0]
        revision = ecs.describe_service_deployments(serviceDeploymentArns=[self.deployment["serviceDeploymentArn"]])
        # Registered over the API alone, so tasks that are placed there stay PENDING.
        ecs.register_container_instance(
            totalResources=[{"name": "CPU", "type": "INTEGER", "integerValue": 8192}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 8192}],
            attributes=[{"name": "plimsoll.capacity-provider", "value": "own"}, {"name": "others", "value": "no"}],
        )
        self.revision = revision["serviceDeployments"][0]["targetServiceRevision"]["arn"]

    def name(self, kind):
        return f"{kind}-{next(self.numbers)}"

    def fresh_service(self, desired=0):
        name = self.name("service")
        self.ecs.create_service(serviceName=name, taskDefinition="web", desiredCount=desired)
        return name

    def fresh_external_service(self):
        name = self.name("external")
        self.ecs.create_service(serviceName=name, deploymentController={"type": "EXTERNAL"}, desiredCount=0)
        return name

    def fresh_task_set(self):
        service = self.fresh_external_service()
        made = self.ecs.create_task_set(cluster="default", service=service, taskDefinition="web")
        return service, made["taskSet"]["taskSetArn"]

    def fresh_task(self):
        return self.ecs.run_task(taskDefinition="web")["tasks"][0]["taskArn"]

    def for_ExecuteCommand(self):
        # On the node that runs it: others were only registered over the API.
        started = self.ecs.start_task(taskDefinition="web", enableExecuteCommand=True, containerInstances=[self.instance])
        running = started["tasks"][0]["taskArn"]
        self.ecs.get_waiter("tasks_running").wait(tasks=[running], WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
        return {"task": running, "container": "app"}

    def fresh_cluster(self):
        return self.ecs.create_cluster(clusterName=self.name("cluster"))["cluster"]["clusterName"]

    def fresh_inactive_definition(self):
        arn = register(self.ecs, self.name("old"))
        self.ecs.deregister_task_definition(taskDefinition=arn)
        return arn

    def fresh_instance(self):
        resources = [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}, {"name": "MEMORY", "type": "INTEGER", "integerValue": 64}]
        return self.ecs.register_container_instance(totalResources=resources)["containerInstance"]["containerInstanceArn"]

    def maker(self, operation):
        return Maker({**self.known(), **self.special(operation)})

    def known(self):
        """Values that mean something wherever they occur."""
        return {
            "cluster": "default", "clusters": ["default"], "service": self.service, ("DescribeServicesRequest", "services"): [self.service],
            "taskDefinition": "web", "task": self.task, "tasks": [self.task], "containerInstance": self.instance,
            "containerInstances": [self.instance], "serviceDeploymentArn": self.deployment["serviceDeploymentArn"],
            "serviceDeploymentArns": [self.deployment["serviceDeploymentArn"]],
            "serviceRevisionArns": [self.revision], "resourceArn": self.cluster, "nextToken": "",
            "clientToken": self.name("token"), "principalArn": f"arn:aws:iam::{self.account}:root",
            "targetType": "container-instance", "targetId": self.instance,
            "tags": [{"key": "team", "value": "a"}], "tagKeys": ["team"],
            "settings": [{"name": "containerInsights", "value": "enabled"}],
            ("Attribute", "name"): "stack", ("Attribute", "value"): "prod", "startedBy": "me", "group": "mine",
            "placementConstraints": [{"type": "memberOf", "expression": "attribute:stack !exists"}],
            "placementStrategy": [{"type": "spread", "field": "instanceId"}],
            ("PutAccountSettingRequest", "name"): "containerInsights", ("PutAccountSettingRequest", "value"): "enabled",
            ("PutAccountSettingDefaultRequest", "name"): "containerInsights",
            ("PutAccountSettingDefaultRequest", "value"): "enabled",
            ("ListAccountSettingsRequest", "name"): "containerInsights",
            ("LoadBalancer", "containerName"): "app", ("LoadBalancer", "containerPort"): 80,
            ("ServiceRegistry", "containerName"): "app", ("ServiceRegistry", "containerPort"): 80,
            ("DeploymentLifecycleHook", "targetType"): "PAUSE", "assignPublicIp": "DISABLED",
            "minimumHealthyPercent": 100, "maximumPercent": 200,
            "capacityProviderStrategy": [{"capacityProvider": "own", "weight": 1, "base": 0}],
        }

    def special(self, operation):
        """What one operation alone needs, made for it."""
        make = getattr(self, f"for_{operation}", None)
        return make() if make else {}

    def for_CreateService(self):
        return {"serviceName": self.name("made"), "taskDefinition": "web", "desiredCount": 0}

    def for_CreateCluster(self):
        provider = self.fresh_provider()
        strategy = [{"capacityProvider": provider, "weight": 1, "base": 0}]
        return {"clusterName": self.name("made"), "capacityProviders": [provider], "defaultCapacityProviderStrategy": strategy}

    def fresh_provider(self):
        group = f"arn:aws:autoscaling:eu-north-1:{self.account}:autoScalingGroup:a:autoScalingGroupName/a"
        name = self.name("provider")
        self.ecs.create_capacity_provider(name=name, autoScalingGroupProvider={"autoScalingGroupArn": group})
        return name

    def for_CreateCapacityProvider(self):
        group = f"arn:aws:autoscaling:eu-north-1:{self.account}:autoScalingGroup:a:autoScalingGroupName/b"
        return {
            ("CreateCapacityProviderRequest", "name"): self.name("provider"), "autoScalingGroupArn": group,
            "managedTerminationProtection": "DISABLED", "status": "ENABLED",
        }

    def for_UpdateCapacityProvider(self):
        return {
            ("UpdateCapacityProviderRequest", "name"): self.fresh_provider(),
            "managedTerminationProtection": "DISABLED", "status": "ENABLED",
        }

    def for_DeleteCapacityProvider(self):
        return {"capacityProvider": self.fresh_provider()}

    def for_DescribeCapacityProviders(self):
        return {"capacityProviders": [self.fresh_provider()]}

    def for_PutClusterCapacityProviders(self):
        provider = self.fresh_provider()
        strategy = [{"capacityProvider": provider, "weight": 1, "base": 0}]
        return {"cluster": self.fresh_cluster(), "capacityProviders": [provider], "defaultCapacityProviderStrategy": strategy}

    def for_CreateTaskSet(self):
        return {"service": self.fresh_external_service()}

    def for_DeleteAccountSetting(self):
        self.ecs.put_account_setting(name="containerInsights", value="enabled")
        return {"name": "containerInsights"}

    def for_DeleteCluster(self):
        return {"cluster": self.fresh_cluster()}

    def for_DeleteService(self):
        return {"service": self.fresh_service()}

    def for_DeleteTaskDefinitions(self):
        return {"taskDefinitions": [self.fresh_inactive_definition()]}

    def task_set(self):
        service, task_set = self.fresh_task_set()
        return {"service": service, "taskSet": task_set, "taskSets": [task_set], "primaryTaskSet": task_set}

    def for_DeleteTaskSet(self):
        names = self.task_set()
        self.ecs.update_task_set(
            cluster="default", service=names["service"], taskSet=names["taskSet"], scale={"value": 0, "unit": "PERCENT"}
        )
        return names

    for_DescribeTaskSets = for_UpdateServicePrimaryTaskSet = task_set

    def for_UpdateTaskSet(self):
        return {**self.task_set(), "scale": {"value": 50.0, "unit": "PERCENT"}}

    def for_DeregisterContainerInstance(self):
        return {"containerInstance": self.fresh_instance()}

    def for_DeregisterTaskDefinition(self):
        return {"taskDefinition": register(self.ecs, self.name("family"))}

    def for_UpdateContainerInstancesState(self):
        return {"containerInstances": [self.fresh_instance()], "status": "DRAINING"}

    def for_StopTask(self):
        return {"task": self.fresh_task()}

    def for_ListContainerInstances(self):
        return {"filter": "attribute:stack !exists"}

    def for_ListTasks(self):
        return {"family": "web", "serviceName": self.service}

    def attributes(self):
        return {"attributes": [{"name": "stack", "value": "prod", "targetType": "container-instance", "targetId": self.instance}]}

    for_PutAttributes = for_DeleteAttributes = attributes

    def for_RegisterTaskDefinition(self):
        return {"family": self.name("family"), ("RegisterTaskDefinitionRequest", "cpu"): "256", ("RegisterTaskDefinitionRequest", "memory"): "512", ("RegisterTaskDefinitionRequest", "containerDefinitions"): [container()]}

    def for_RegisterContainerInstance(self):
        return {
            "totalResources": [{"name": "CPU", "type": "INTEGER", "integerValue": 1024}],
            "containerInstanceArn": f"{self.cluster.replace(':cluster/', ':container-instance/')}/{'0' * 32}",
            ("Attribute", "name"): "ecs.availability-zone", "instanceIdentityDocument": "{}",
        }

    def for_SubmitAttachmentStateChanges(self):
        return {"status": "ATTACHED"}

    def for_SubmitTaskStateChange(self):
        return {("SubmitTaskStateChangeRequest", "status"): "RUNNING", ("ContainerStateChange", "status"): "RUNNING", "containerName": "app"}

    def for_SubmitContainerStateChange(self):
        return {"status": "RUNNING", "containerName": "app"}

    def launch(self):
        override = {"name": "app", "command": ["true"], "environment": [{"name": "A", "value": "b"}], "cpu": 1, "memory": 8, "memoryReservation": 8}
        return {("TaskOverride", "containerOverrides"): [override], ("TaskOverride", "cpu"): "256", ("TaskOverride", "memory"): "16"}

    for_RunTask = for_StartTask = launch

    def for_StopServiceDeployment(self):
        return {"stopType": "ROLLBACK"}

    def for_UpdateTaskProtection(self):
        return {"tasks": [self.service_task]}

    def call(self, operation, body):
        """One request as it is, without a client's own checks: (status, headers, bytes)."""
        text = json.dumps(body).encode()
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": PREFIX + operation}
        self.connection.request("POST", "/", body=text, headers=headers)
        reply = self.connection.getresponse()
        return reply.status, dict(reply.getheaders()), reply.read()
