//! What is refused, with the exception's name and the part of its text that clients look at.

use super::{Api, instance, web};
use serde_json::{Value, json};

const UNKNOWN: &str = "0123456789abcdef0123456789abcdef";
const CLIENT: &str = "ClientException";
const INVALID: &str = "InvalidParameterException";
const UNSUPPORTED: &str = "UnsupportedFeatureException";
const CLUSTER_NOT_FOUND: &str = "ClusterNotFoundException";

/// Operation, body, exception, fragment of its text.
type Case = (&'static str, Value, &'static str, &'static str);

async fn check(api: &Api, cases: Vec<Case>) {
    for (operation, body, code, fragment) in cases {
        let error = api.refused(operation, body.clone()).await;
        assert_eq!(error.code, code, "{operation} {body}: {error}");
        assert!(error.message.contains(fragment), "{operation} {body}: {error}");
        assert!(error.status == 400, "{operation} {body}: {error}");
    }
}

fn with(mut body: Value, members: Value) -> Value {
    for (name, value) in members.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn clusters_and_identifiers() {
    let api = Api::with_instances(1).await;
    api.ok("CreateCluster", json!({"clusterName": "old"})).await;
    api.ok("DeleteCluster", json!({"cluster": "old"})).await;
    let elsewhere = format!("arn:aws:ecs:eu-west-1:123456789012:task/other/{UNKNOWN}");
    let own = format!("arn:aws:ecs:eu-west-1:123456789012:task/default/{UNKNOWN}");
    check(
        &api,
        vec![
            // CL-1
            ("CreateCluster", json!({"clusterName": "a b"}), INVALID, "clusterName"),
            ("CreateCluster", json!({"capacityProviders": ["x"]}), INVALID, "'x' was not found"),
            // CL-9
            (
                "CreateCluster",
                json!({"settings": [{"name": "containerInsights", "value": "on"}]}),
                INVALID,
                "containerInsights should be one of [enabled,disabled,enhanced], was \"on\"",
            ),
            // CL-3, CL-4
            ("ListTasks", json!({"cluster": "nowhere"}), CLUSTER_NOT_FOUND, "Cluster not found."),
            ("ListTasks", json!({"cluster": "old"}), CLUSTER_NOT_FOUND, "The referenced cluster was inactive."),
            ("RegisterContainerInstance", json!({"cluster": "nowhere"}), CLUSTER_NOT_FOUND, "Cluster not found."),
            ("DeleteCluster", json!({"cluster": "old"}), CLUSTER_NOT_FOUND, "inactive"),
            // CL-8
            (
                "DeleteCluster",
                json!({"cluster": "default"}),
                "ClusterContainsContainerInstancesException",
                "Container Instances",
            ),
            // ARN-5, ARN-6
            (
                "DescribeTasks",
                json!({"tasks": [elsewhere]}),
                INVALID,
                "Identifier is for other. Your cluster is default",
            ),
            (
                "DescribeTasks",
                json!({"tasks": ["feed"]}),
                INVALID,
                "\"feed\" is neither the id (32 hexadecimal digits) nor the ARN of a task",
            ),
            ("DescribeServices", json!({"services": [own]}), INVALID, "task/default"),
            ("StopTask", json!({"task": "x y"}), INVALID, "x y"),
            ("ListTasks", json!({"cluster": "arn:aws:ecs:eu-west-1:999999999999:cluster/x"}), INVALID, "999999999999"),
            // W-9: what the request says comes before the cluster.
            ("DescribeTasks", json!({"cluster": "nowhere", "tasks": ["feed"]}), INVALID, "feed"),
            // OP-1
            (
                "CreateDaemon",
                json!({"daemonName": "d", "daemonTaskDefinitionArn": "a", "capacityProviderArns": ["c"]}),
                UNSUPPORTED,
                "CreateDaemon",
            ),
            ("TagResource", json!({"resourceArn": "a", "tags": [{"key": "k"}]}), INVALID, "not an ARN"),
        ],
    )
    .await;
}

#[tokio::test]
async fn task_definitions() {
    let api = Api::with_instances(1).await;
    api.ok("RegisterTaskDefinition", web()).await;
    api.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    let run = |definition: &str| json!({"taskDefinition": definition});
    let create = |definition: &str| json!({"taskDefinition": definition, "serviceName": "s", "desiredCount": 1});
    check(
        &api,
        vec![
            (
                "RegisterTaskDefinition",
                json!({"family": "a b", "containerDefinitions": [{"name": "a", "image": "i", "memory": 4}]}),
                CLIENT,
                "Family contains invalid characters.",
            ),
            (
                "RegisterTaskDefinition",
                json!({"family": "a", "containerDefinitions": [{"name": "a", "image": "i"}]}),
                CLIENT,
                "At least one of 'memory' or 'memoryReservation' must be specified.",
            ),
            // TD-76
            ("DeregisterTaskDefinition", json!({"taskDefinition": "web"}), CLIENT, "Revision is missing."),
            (
                "DeregisterTaskDefinition",
                json!({"taskDefinition": "web:x"}),
                INVALID,
                "Invalid revision number. Number: x",
            ),
            (
                "DeregisterTaskDefinition",
                json!({"taskDefinition": "web:99"}),
                CLIENT,
                "Unable to describe task definition.",
            ),
            (
                "DeregisterTaskDefinition",
                json!({"taskDefinition": "web:99999999999"}),
                CLIENT,
                "Unable to describe task definition.",
            ),
            // TD-79
            (
                "DescribeTaskDefinition",
                json!({"taskDefinition": "none"}),
                CLIENT,
                "Unable to describe task definition.",
            ),
            // TD-77
            ("RunTask", run("none"), CLIENT, "TaskDefinition not found."),
            ("RunTask", run("web:2"), INVALID, "TaskDefinition is inactive"),
            (
                "StartTask",
                with(run("web:2"), json!({"containerInstances": [UNKNOWN]})),
                INVALID,
                "TaskDefinition is inactive",
            ),
            ("CreateService", create("none"), CLIENT, "TaskDefinition not found."),
            ("CreateService", create("web:2"), CLIENT, "TaskDefinition is inactive"),
        ],
    )
    .await;
}

#[tokio::test]
async fn running_tasks() {
    let api = Api::with_instances(1).await;
    let vpc = json!({"family": "vpc", "networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i", "memory": 4}]});
    api.ok("RegisterTaskDefinition", vpc).await;
    api.ok("CreateCluster", json!({"clusterName": "bare"})).await;
    let run = |members: Value| with(json!({"taskDefinition": "web"}), members);
    let subnets = json!({"awsvpcConfiguration": {"subnets": ["s-1"]}});
    let strategy = json!([{"capacityProvider": "p", "weight": 1}]);
    check(
        &api,
        vec![
            // RUN-1
            ("RunTask", run(json!({"count": 11})), INVALID, "count"),
            ("StartTask", run(json!({"containerInstances": []})), INVALID, "Container Instances cannot be empty."),
            ("StartTask", run(json!({"containerInstances": ["x"]})), INVALID, "x"),
            // RUN-2
            (
                "RunTask",
                run(json!({"launchType": "EC2", "capacityProviderStrategy": strategy})),
                INVALID,
                "Specifying both a launch type and capacity provider strategy is not supported.",
            ),
            ("RunTask", run(json!({"capacityProviderStrategy": strategy})), INVALID, "not associated with the cluster"),
            (
                "RunTask",
                run(json!({"launchType": "FARGATE"})),
                INVALID,
                "Task definition does not support launch_type FARGATE.",
            ),
            ("RunTask", run(json!({"launchType": "MANAGED_INSTANCES"})), UNSUPPORTED, "MANAGED_INSTANCES"),
            ("RunTask", run(json!({"platformVersion": "1.4.0"})), INVALID, "platform version"),
            // RUN-3
            (
                "RunTask",
                json!({"taskDefinition": "vpc"}),
                INVALID,
                "Network Configuration must be provided when networkMode 'awsvpc' is specified.",
            ),
            (
                "RunTask",
                run(json!({"networkConfiguration": subnets})),
                INVALID,
                "Network Configuration is not valid for the given networkMode of this task definition.",
            ),
            (
                "RunTask",
                json!({"taskDefinition": "vpc", "networkConfiguration": {"awsvpcConfiguration": {"subnets": []}}}),
                INVALID,
                "subnets can not be empty.",
            ),
            // RUN-4
            (
                "RunTask",
                run(json!({"overrides": {"containerOverrides": [{"name": "b"}]}})),
                INVALID,
                "Override for container named b is not a container in the TaskDefinition.",
            ),
            (
                "StartTask",
                run(json!({"containerInstances": [UNKNOWN], "overrides": {"containerOverrides": [{"name": "b"}]}})),
                INVALID,
                "Override for container named b",
            ),
            // RUN-5, TAG-4
            ("RunTask", run(json!({"group": "service:x"})), INVALID, "group"),
            ("RunTask", run(json!({"startedBy": "a+b"})), INVALID, "startedBy"),
            ("RunTask", run(json!({"propagateTags": "SERVICE"})), INVALID, "propagateTags"),
            // RUN-6, PL-5, CQL-4
            (
                "RunTask",
                run(json!({"launchType": "FARGATE", "placementStrategy": [{"type": "random"}]})),
                INVALID,
                "FARGATE",
            ),
            (
                "RunTask",
                run(json!({"placementConstraints": [{"type": "distinctInstance", "expression": "x"}]})),
                INVALID,
                "distinctInstance",
            ),
            ("RunTask", run(json!({"placementConstraints": [{"type": "memberOf"}]})), INVALID, "memberOf"),
            (
                "RunTask",
                run(json!({"placementConstraints": [{"type": "memberOf", "expression": "attribute:a =="}]})),
                INVALID,
                "attribute:a ==",
            ),
            ("RunTask", run(json!({"placementStrategy": [{"type": "binpack", "field": "disk"}]})), INVALID, "disk"),
            ("RunTask", run(json!({"placementStrategy": [{"type": "spread"}]})), INVALID, "spread"),
            (
                "RunTask",
                run(json!({"placementStrategy": vec![json!({"type": "random"}); 6]})),
                INVALID,
                "placementStrategy",
            ),
            // RUN-7
            ("RunTask", run(json!({"cluster": "bare"})), INVALID, "No Container Instances were found in your cluster."),
            // RUN-7: there are instances, none of the kind that EXTERNAL needs.
            (
                "RunTask",
                run(json!({"launchType": "EXTERNAL"})),
                INVALID,
                "No Container Instances were found in your cluster.",
            ),
            // RUN-13, RUN-14
            ("StopTask", json!({"task": UNKNOWN}), INVALID, "The referenced task was not found."),
            ("ListTasks", json!({"startedBy": "me", "family": "web"}), INVALID, "startedBy"),
            ("ListTasks", json!({"serviceName": "none"}), "ServiceNotFoundException", "Service not found."),
            ("ListTasks", json!({"containerInstance": UNKNOWN}), INVALID, "container instance"),
            // W-7
            ("DescribeTasks", json!({"tasks": []}), INVALID, "Tasks cannot be empty."),
            ("SubmitTaskStateChange", json!({"status": "RUNNING"}), INVALID, "task"),
            ("SubmitTaskStateChange", json!({"task": UNKNOWN, "status": "DANCING"}), INVALID, "status"),
        ],
    )
    .await;
}

#[tokio::test]
async fn services() {
    let api = Api::with_instances(1).await;
    let create =
        |members: Value| with(json!({"serviceName": "s", "taskDefinition": "web", "desiredCount": 1}), members);
    let daemon = json!({"serviceName": "d", "taskDefinition": "web", "schedulingStrategy": "DAEMON"});
    api.ok("CreateService", create(json!({"serviceName": "known"}))).await;
    api.ok("CreateService", create(json!({"serviceName": "gone", "desiredCount": 0}))).await;
    api.ok("DeleteService", json!({"service": "gone"})).await;
    api.ok("CreateService", with(daemon.clone(), json!({"serviceName": "daemon"}))).await;
    let configuration = |members: Value| create(json!({"deploymentConfiguration": members}));
    check(
        &api,
        vec![
            // SVC-1, SVC-2
            ("CreateService", create(json!({"serviceName": "a b"})), INVALID, "serviceName"),
            ("CreateService", json!({"serviceName": "s", "taskDefinition": "web"}), INVALID, "desiredCount"),
            ("CreateService", create(json!({"desiredCount": -1})), INVALID, "desiredCount"),
            ("CreateService", json!({"serviceName": "s", "desiredCount": 1}), INVALID, "taskDefinition"),
            ("CreateService", create(json!({"deploymentController": {"type": "CODE_DEPLOY"}})), UNSUPPORTED, "CODE_DEPLOY"),
            ("CreateService", create(json!({"deploymentController": {"type": "EXTERNAL"}})), INVALID, "EXTERNAL"),
            // SVC-3
            ("CreateService", create(json!({"serviceName": "known"})), INVALID, "Creation of service was not idempotent."),
            // SVC-5
            ("CreateService", create(json!({"launchType": "FARGATE"})), INVALID, "Task definition does not support launch_type FARGATE."),
            ("CreateService", create(json!({"role": "r"})), INVALID, "loadBalancers"),
            ("CreateService", create(json!({"loadBalancers": [{"containerName": "b", "containerPort": 80, "targetGroupArn": "t"}]})), INVALID, "The container b does not exist in the task definition."),
            ("CreateService", create(json!({"loadBalancers": [{"containerName": "app", "containerPort": 81, "targetGroupArn": "t"}]})), INVALID, "81"),
            ("CreateService", create(json!({"capacityProviderStrategy": [{"capacityProvider": "p"}]})), INVALID, "a weight greater than 0"),
            // SVC-6, SVC-7
            ("CreateService", configuration(json!({"maximumPercent": 99})), INVALID, "maximumPercent"),
            ("CreateService", configuration(json!({"minimumHealthyPercent": 101})), INVALID, "minimumHealthyPercent"),
            ("CreateService", configuration(json!({"strategy": "BLUE_GREEN"})), UNSUPPORTED, "BLUE_GREEN"),
            ("CreateService", configuration(json!({"alarms": {"alarmNames": ["a"], "enable": true, "rollback": false}})), UNSUPPORTED, "alarms"),
            ("CreateService", create(json!({"serviceConnectConfiguration": {"enabled": true}})), UNSUPPORTED, "serviceConnectConfiguration"),
            // SVC-9
            ("CreateService", with(daemon.clone(), json!({"desiredCount": 1})), INVALID, "The daemon scheduling strategy does not support a desired count for services. Remove the desired count value and try again"),
            ("CreateService", with(daemon.clone(), json!({"deploymentConfiguration": {"maximumPercent": 200}})), INVALID, "does not support values above 100 for maximumPercent on a deployment configuration. Change the maximumPercent value to 100, and try again"),
            ("CreateService", with(daemon.clone(), json!({"placementStrategy": [{"type": "random"}]})), INVALID, "placement strategies"),
            ("CreateService", with(daemon.clone(), json!({"launchType": "FARGATE"})), INVALID, "launch type FARGATE"),
            ("CreateService", with(daemon, json!({"deploymentController": {"type": "EXTERNAL"}})), INVALID, "EXTERNAL"),
            ("UpdateService", json!({"service": "daemon", "desiredCount": 1}), INVALID, "does not support a desired count for services."),
            ("UpdateService", json!({"service": "daemon", "deploymentConfiguration": {"maximumPercent": 150}}), INVALID, "does not support values above 100"),
            ("UpdateService", json!({"service": "daemon", "placementStrategy": [{"type": "random"}]}), INVALID, "placement strategies"),
            // SVC-60
            ("CreateService", create(json!({"availabilityZoneRebalancing": "ENABLED", "deploymentConfiguration": {"maximumPercent": 100}})), INVALID, "rebalancing"),
            // SVC-10
            ("DescribeServices", json!({"services": []}), INVALID, "Services cannot be empty."),
            ("DescribeServices", json!({"services": vec!["x"; 11]}), INVALID, "services"),
            // SVC-12
            ("UpdateService", json!({"service": "none", "desiredCount": 1}), "ServiceNotFoundException", "Service not found."),
            ("UpdateService", json!({"service": "gone", "desiredCount": 1}), "ServiceNotActiveException", "Service was not ACTIVE."),
            ("UpdateService", json!({"service": "known", "taskDefinition": "none"}), CLIENT, "TaskDefinition not found."),
            ("UpdateService", json!({"service": "known", "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}}), INVALID, "Network Configuration is not valid"),
            // SVC-16
            ("DeleteService", json!({"service": "known"}), INVALID, "The service cannot be stopped while it is scaled above 0."),
            ("DeleteService", json!({"service": "none"}), "ServiceNotFoundException", "Service not found."),
            ("DeleteService", json!({"service": "gone"}), "ServiceNotFoundException", "Service not found."),
        ],
    )
    .await;
}

#[tokio::test]
async fn instances_and_attributes() {
    let api = Api::with_instances(1).await;
    let own = api.instances().await.remove(0);
    api.run(json!({"taskDefinition": "web"})).await;
    let put = |attribute: Value| json!({"attributes": [attribute]});
    let eleven: Vec<Value> = (0..10).map(|at| json!({"name": format!("a{at}"), "targetId": own})).collect();
    api.ok("PutAttributes", json!({"attributes": eleven})).await;
    let anonymous = with(instance(), json!({"versionInfo": {}}));
    let silent =
        api.ok("RegisterContainerInstance", anonymous).await["containerInstance"]["containerInstanceArn"].clone();
    let bigger = json!({"containerInstanceArn": own, "totalResources": [{"name": "CPU", "type": "INTEGER", "integerValue": 4096}]});
    check(
        &api,
        vec![
            // CI-3, CI-6, CI-8, CI-10
            ("RegisterContainerInstance", bigger, CLIENT, "Container instance type changes are not supported."),
            (
                "RegisterContainerInstance",
                json!({"totalResources": [{"name": "PORTS", "type": "STRINGSET", "stringSetValue": ["x"]}]}),
                INVALID,
                "PORTS",
            ),
            (
                "UpdateContainerInstancesState",
                json!({"containerInstances": [own], "status": "INACTIVE"}),
                INVALID,
                "Container instance status should be one of [ACTIVE, DRAINING]",
            ),
            (
                "DeregisterContainerInstance",
                json!({"containerInstance": own}),
                INVALID,
                "Found running tasks on the instance.",
            ),
            ("DeregisterContainerInstance", json!({"containerInstance": UNKNOWN}), INVALID, "not found"),
            (
                "DescribeContainerInstances",
                json!({"containerInstances": []}),
                CLIENT,
                "Container Instances cannot be empty.",
            ),
            ("ListContainerInstances", json!({"filter": "attribute:a =="}), INVALID, "attribute:a =="),
            ("ListContainerInstances", json!({"nextToken": "beef"}), INVALID, "nextToken"),
            // OP-3
            ("UpdateContainerAgent", json!({"containerInstance": own}), "NoUpdateAvailableException", "update"),
            ("UpdateContainerAgent", json!({"containerInstance": silent}), "MissingVersionException", "version"),
            ("UpdateContainerAgent", json!({"containerInstance": UNKNOWN}), INVALID, "not found"),
            // ATTR-1 to ATTR-5
            ("PutAttributes", put(json!({"name": "a b", "targetId": own})), INVALID, "name"),
            ("PutAttributes", put(json!({"name": "ecs.x", "targetId": own})), INVALID, "reserved"),
            ("PutAttributes", put(json!({"name": "com.amazonaws.ecs.x", "targetId": own})), INVALID, "reserved"),
            ("PutAttributes", put(json!({"name": "a"})), INVALID, "targetId"),
            ("PutAttributes", put(json!({"name": "a", "targetId": UNKNOWN})), INVALID, "targetType"),
            (
                "PutAttributes",
                put(json!({"name": "a", "targetId": UNKNOWN, "targetType": "container-instance"})),
                "TargetNotFoundException",
                "Could not find 0123456789abcdef",
            ),
            (
                "PutAttributes",
                put(json!({"name": "one-more", "targetId": own})),
                "AttributeLimitExceededException",
                "limit is 10",
            ),
            ("PutAttributes", json!({"attributes": []}), INVALID, "attributes can not be empty"),
            ("DeleteAttributes", put(json!({"name": "ecs.os-type", "targetId": own})), INVALID, "reserved"),
            (
                "ListAttributes",
                json!({"targetType": "container-instance", "attributeValue": "x"}),
                INVALID,
                "attributeName",
            ),
            ("ListAttributes", json!({}), INVALID, "Target Type"),
        ],
    )
    .await;
}

#[tokio::test]
async fn w16_another_request_under_a_used_token() {
    let api = Api::with_instances(1).await;
    let run = |count: u32| json!({"taskDefinition": "web", "count": count, "clientToken": "t"});
    let first = api.run(run(1)).await;
    assert_eq!(api.run(run(1)).await["tasks"][0]["taskArn"], first["tasks"][0]["taskArn"]);
    let error = api.refused("RunTask", run(2)).await;
    assert_eq!(error.code, "ConflictException");
    assert_eq!(error.body()["resourceIds"], json!([first["tasks"][0]["taskArn"]]));

    let create =
        |count: u32| json!({"serviceName": "s", "taskDefinition": "web", "desiredCount": count, "clientToken": "t"});
    let first = api.ok("CreateService", create(0)).await;
    let again = api.ok("CreateService", create(0)).await;
    assert_eq!(again["service"]["createdAt"], first["service"]["createdAt"]);
    let error = api.refused("CreateService", create(1)).await;
    assert_eq!((error.code, error.message.as_str()), (INVALID, "Creation of service was not idempotent."));
}
