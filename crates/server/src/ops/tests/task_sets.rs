//! Services with an EXTERNAL deployment controller, and their task sets.

use super::golden::check;
use super::{Api, texts, web};
use serde_json::{Value, json};

const INVALID: &str = "InvalidParameterException";
const UNKNOWN: &str = "ecs-svc/0000000000000000001";

async fn with_service(desired: u32) -> Api {
    let api = Api::with_instances(2).await;
    let create = json!({
        "serviceName": "web", "desiredCount": desired, "deploymentController": {"type": "EXTERNAL"},
    });
    api.ok("CreateService", create).await;
    api
}

async fn create_set(api: &Api, scale: u32) -> Value {
    let create = json!({
        "cluster": "default", "service": "web", "taskDefinition": "web", "scale": {"value": scale, "unit": "PERCENT"},
    });
    api.ok("CreateTaskSet", create).await["taskSet"].clone()
}

fn of_set(set: &Value, members: Value) -> Value {
    let mut body = members;
    body["cluster"] = json!("default");
    body["service"] = json!("web");
    body["taskSet"] = set["id"].clone();
    body
}

async fn described(api: &Api) -> Value {
    api.ok("DescribeServices", json!({"services": ["web"]})).await["services"][0].clone()
}

async fn task_sets(api: &Api) -> Value {
    api.ok("DescribeTaskSets", json!({"cluster": "default", "service": "web"})).await["taskSets"].clone()
}

/// Says of all tasks of the service that they run, or that they have stopped.
async fn report(api: &Api, wanted: &str, status: &str) {
    let list = json!({"serviceName": "web", "desiredStatus": wanted});
    for task in texts(&api.ok("ListTasks", list).await["taskArns"]) {
        let container = json!({"containerName": "app", "status": status, "exitCode": 0});
        api.ok("SubmitTaskStateChange", json!({"task": task, "status": status, "containers": [container]})).await;
    }
}

#[tokio::test]
async fn svc2_svc50_svc53_svc54_a_service_of_task_sets() {
    let api = Api::with_instances(2).await;
    let create = json!({
        "serviceName": "web", "desiredCount": 2, "deploymentController": {"type": "EXTERNAL"},
        "tags": [{"key": "a", "value": "b"}],
    });
    check("create_external_service", api.ok("CreateService", create).await);
    let create = json!({
        "cluster": "default", "service": "web", "taskDefinition": "web:1", "externalId": "blue",
        "scale": {"value": 50, "unit": "PERCENT"}, "launchType": "EC2",
        "loadBalancers": [{"targetGroupArn": "tg", "containerName": "app", "containerPort": 80}],
        "serviceRegistries": [{"registryArn": "arn:aws:servicediscovery:eu-west-1:123456789012:service/srv-1"}],
        "tags": [{"key": "side", "value": "blue"}],
    });
    let created = api.ok("CreateTaskSet", create).await;
    let set = created["taskSet"].clone();
    check("create_task_set", created);
    report(&api, "RUNNING", "RUNNING").await;
    let primary = json!({"cluster": "default", "service": "web", "primaryTaskSet": set["taskSetArn"]});
    check("update_service_primary_task_set", api.ok("UpdateServicePrimaryTaskSet", primary).await);
    let scale = of_set(&set, json!({"scale": {"value": 75}}));
    check("update_task_set", api.ok("UpdateTaskSet", scale).await);
    let describe =
        json!({"cluster": "default", "service": "web", "taskSets": [set["id"], UNKNOWN], "include": ["TAGS"]});
    check("describe_task_sets", api.ok("DescribeTaskSets", describe).await);
    check("describe_external_service", api.ok("DescribeServices", json!({"services": ["web"]})).await);
    check("delete_task_set", api.ok("DeleteTaskSet", of_set(&set, json!({"force": true}))).await);
}

#[tokio::test]
async fn svc51_svc52_svc53_svc54_a_deployment_by_hand() {
    let api = with_service(4).await;
    let mut next = web();
    next["containerDefinitions"][0]["image"] = json!("busybox:1.37");
    let blue = create_set(&api, 100).await;
    report(&api, "RUNNING", "RUNNING").await;
    assert_eq!(described(&api).await.get("taskDefinition"), None, "SVC-53: no set is primary");
    let primary = |set: &Value| json!({"cluster": "default", "service": "web", "primaryTaskSet": set["id"]});
    let swapped = api.ok("UpdateServicePrimaryTaskSet", primary(&blue)).await;
    assert_eq!(swapped["taskSet"]["status"], "PRIMARY");

    api.ok("RegisterTaskDefinition", next).await;
    let green = create_set(&api, 50).await;
    assert_eq!((&green["computedDesiredCount"], &green["stabilityStatus"]), (&json!(2), &json!("STABILIZING")));
    report(&api, "RUNNING", "RUNNING").await;
    let shown = task_sets(&api).await;
    assert_eq!(shown[0]["id"], blue["id"], "the primary one first: {shown}");
    assert_eq!((&shown[1]["runningCount"], &shown[1]["stabilityStatus"]), (&json!(2), &json!("STEADY_STATE")));
    let service = described(&api).await;
    assert_eq!((&service["runningCount"], &service["deployments"]), (&json!(6), &json!([])));
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("web:1"), "{service}");

    api.ok("UpdateServicePrimaryTaskSet", primary(&green)).await;
    let service = described(&api).await;
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("web:2"), "{service}");
    assert_eq!(service["launchType"], "EC2");
    assert_eq!(task_sets(&api).await[1]["status"], "ACTIVE", "one primary");

    api.ok("UpdateTaskSet", of_set(&blue, json!({"scale": {"value": 0}}))).await;
    let deleted = api.ok("DeleteTaskSet", of_set(&blue, json!({}))).await["taskSet"].clone();
    assert_eq!((&deleted["status"], &deleted["runningCount"]), (&json!("DRAINING"), &json!(4)));
    report(&api, "STOPPED", "STOPPED").await;
    let shown = task_sets(&api).await;
    assert_eq!(shown.as_array().unwrap().len(), 1, "gone with its last task: {shown}");
    assert_eq!(shown[0]["id"], green["id"]);
    let messages: Vec<String> = described(&api).await["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .collect();
    let blue_said = format!("(service web, taskSet {}) has stopped 4 running tasks:", blue["id"].as_str().unwrap());
    let green_said = format!("(service web, taskSet {}) has reached a steady state.", green["id"].as_str().unwrap());
    assert!(messages.iter().any(|message| message.starts_with(&blue_said)), "{messages:#?}");
    assert!(messages.contains(&green_said), "{messages:#?}");
}

/// SVC-18: a task names the set that started it.
#[tokio::test]
async fn svc18_tasks_are_started_by_their_set() {
    let api = with_service(1).await;
    let set = create_set(&api, 100).await;
    let started = json!({"startedBy": set["id"]});
    let tasks = api.ok("ListTasks", started).await["taskArns"].clone();
    let task = api.ok("DescribeTasks", json!({"tasks": tasks})).await["tasks"][0].clone();
    assert_eq!((&task["startedBy"], &task["group"]), (&set["id"], &json!("service:web")), "{task}");
}

#[tokio::test]
async fn w16_a_token_makes_one_set() {
    let api = with_service(1).await;
    let create = |scale: u32| {
        json!({
            "cluster": "default", "service": "web", "taskDefinition": "web", "clientToken": "once", "scale": {"value": scale},
        })
    };
    let first = api.ok("CreateTaskSet", create(100)).await["taskSet"].clone();
    let again = api.ok("CreateTaskSet", create(100)).await["taskSet"].clone();
    assert_eq!(again["id"], first["id"]);
    assert_eq!(task_sets(&api).await.as_array().unwrap().len(), 1);
    let other = api.refused("CreateTaskSet", create(50)).await;
    assert_eq!((other.code, &*other.message), (INVALID, "Creation of task set was not idempotent."));
}

#[tokio::test]
async fn svc10_svc16_listing_and_deleting_a_service_of_task_sets() {
    let api = with_service(1).await;
    let listed = |filter: Value| async { texts(&api.ok("ListServices", filter).await["serviceArns"]).len() };
    assert_eq!(listed(json!({})).await, 1);
    assert_eq!(listed(json!({"launchType": "EC2"})).await, 0, "no primary set, no launch type");
    let set = create_set(&api, 100).await;
    api.ok("UpdateServicePrimaryTaskSet", json!({"cluster": "default", "service": "web", "primaryTaskSet": set["id"]}))
        .await;
    assert_eq!(listed(json!({"launchType": "EC2"})).await, 1);
    report(&api, "RUNNING", "RUNNING").await;
    assert_eq!(api.refused("DeleteService", json!({"service": "web"})).await.code, INVALID);
    let deleted = api.ok("DeleteService", json!({"service": "web", "force": true})).await["service"].clone();
    assert_eq!((&deleted["status"], &deleted["taskSets"][0]["status"]), (&json!("DRAINING"), &json!("DRAINING")));
    let change = of_set(&set, json!({"scale": {"value": 0}}));
    assert_eq!(api.refused("UpdateTaskSet", change).await.code, "ServiceNotActiveException");
    report(&api, "STOPPED", "STOPPED").await;
    let gone = described(&api).await;
    assert_eq!((&gone["status"], &gone["taskSets"]), (&json!("INACTIVE"), &json!([])));
    let describe = json!({"cluster": "default", "service": "web"});
    assert_eq!(api.refused("DescribeTaskSets", describe).await.code, "ServiceNotActiveException");
}

#[tokio::test]
async fn svc2_svc15_svc50_svc54_refusals() {
    let api = with_service(1).await;
    api.ok("CreateService", json!({"serviceName": "plain", "taskDefinition": "web", "desiredCount": 0})).await;
    let set = create_set(&api, 100).await;
    let external = |members: Value| {
        let mut body = members;
        body["serviceName"] = json!("other");
        body["deploymentController"] = json!({"type": "EXTERNAL"});
        ("CreateService", body)
    };
    let update = |members: Value| {
        let mut body = members;
        body["service"] = json!("web");
        ("UpdateService", body)
    };
    let create = |members: Value| {
        let mut body = json!({"cluster": "default", "service": "web", "taskDefinition": "web"});
        body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        ("CreateTaskSet", body)
    };
    let load_balancer = json!([{"targetGroupArn": "t", "containerName": "app", "containerPort": 80}]);
    let elsewhere = "arn:aws:ecs:eu-west-1:123456789012:task-set/default/plain/ecs-svc/0000000000000000001";
    for ((operation, body), code, fragment) in [
        // SVC-2
        (external(json!({"taskDefinition": "web"})), INVALID, "taskDefinition"),
        (external(json!({"launchType": "EC2"})), INVALID, "launchType"),
        (external(json!({"loadBalancers": load_balancer})), INVALID, "loadBalancers"),
        (external(json!({"serviceRegistries": [{"registryArn": "r"}]})), INVALID, "serviceRegistries"),
        (external(json!({"platformVersion": "1.4.0"})), INVALID, "platformVersion"),
        (
            external(json!({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"]}}})),
            INVALID,
            "networkConfiguration",
        ),
        (external(json!({"availabilityZoneRebalancing": "ENABLED"})), INVALID, "rebalancing"),
        // SVC-9
        (external(json!({"schedulingStrategy": "DAEMON"})), INVALID, "daemon"),
        // SVC-15
        (update(json!({"taskDefinition": "web"})), INVALID, "taskDefinition"),
        (update(json!({"forceNewDeployment": true})), INVALID, "forceNewDeployment"),
        (update(json!({"deploymentConfiguration": {"maximumPercent": 100}})), INVALID, "deploymentConfiguration"),
        (update(json!({"enableExecuteCommand": true})), INVALID, "enableExecuteCommand"),
        (update(json!({"loadBalancers": load_balancer})), INVALID, "loadBalancers"),
        (update(json!({"deploymentController": {"type": "ECS"}})), "UnsupportedFeatureException", "controller"),
        // SVC-50
        (create(json!({"service": "none"})), "ServiceNotFoundException", "Service not found."),
        (create(json!({"service": "plain"})), INVALID, "EXTERNAL"),
        (create(json!({"taskDefinition": "none"})), "ClientException", "TaskDefinition not found."),
        (create(json!({"scale": {"value": 101.0}})), INVALID, "from 0 to 100"),
        (create(json!({"scale": {"value": 1.0, "unit": "COUNT"}})), INVALID, "PERCENT"),
        (create(json!({"launchType": "FARGATE"})), INVALID, "FARGATE"),
        (create(json!({"platformVersion": "1.4.0"})), INVALID, "platform version"),
        (create(json!({"clientToken": "x".repeat(37)})), INVALID, "clientToken"),
        (
            create(json!({"loadBalancers": [{"containerName": "b", "containerPort": 80, "targetGroupArn": "t"}]})),
            INVALID,
            "The container b does not exist",
        ),
        // SVC-54
        (("DeleteTaskSet", of_set(&set, json!({}))), INVALID, "scaled above 0"),
        (
            ("DeleteTaskSet", of_set(&json!({"id": UNKNOWN}), json!({}))),
            "TaskSetNotFoundException",
            "The specified task set does not exist.",
        ),
        (
            ("UpdateTaskSet", of_set(&json!({"id": UNKNOWN}), json!({"scale": {"value": 1}}))),
            "TaskSetNotFoundException",
            "does not exist",
        ),
        (("UpdateTaskSet", of_set(&set, json!({}))), INVALID, "Scale"),
        // ARN-6, ARN-7
        (("DeleteTaskSet", of_set(&json!({"id": "blue"}), json!({}))), INVALID, "ecs-svc/"),
        (("DeleteTaskSet", of_set(&json!({"id": elsewhere}), json!({}))), INVALID, "Identifier is for plain"),
        (("DescribeTaskSets", json!({"cluster": "default", "service": "plain"})), INVALID, "EXTERNAL"),
    ] {
        let error = api.refused(operation, body.clone()).await;
        assert_eq!(error.code, code, "{operation} {body}: {error}");
        assert!(error.message.contains(fragment), "{operation} {body}: {error}");
    }
    for _ in 0..4 {
        create_set(&api, 0).await;
    }
    let (operation, body) = create(json!({}));
    assert_eq!(api.refused(operation, body).await.code, "LimitExceededException", "the sixth set");
    let allowed = json!({
        "service": "web", "desiredCount": 2, "healthCheckGracePeriodSeconds": 7, "propagateTags": "SERVICE",
        "placementStrategy": [{"type": "random"}], "placementConstraints": [], "enableECSManagedTags": true,
    });
    let updated = api.ok("UpdateService", allowed).await["service"].clone();
    assert_eq!((&updated["desiredCount"], &updated["taskSets"][4]["computedDesiredCount"]), (&json!(2), &json!(2)));
}
