//! Rules that show only in what several operations say of the same thing.

use super::{Api, instance, texts, web};
use serde_json::{Value, json};

async fn described(api: &Api, arn: &str) -> Value {
    let mut reply = api.ok("DescribeContainerInstances", json!({"containerInstances": [arn]})).await;
    reply["containerInstances"][0].take()
}

/// What is left of an integer resource of an instance.
async fn remaining(api: &Api, arn: &str, name: &str) -> i64 {
    let instance = described(api, arn).await;
    let all = instance["remainingResources"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap()["integerValue"].as_i64().unwrap()
}

async fn register(api: &Api, family: &str, container: Value, others: Value) {
    let mut definition = json!({"family": family, "containerDefinitions": [{"name": "app", "image": "i"}]});
    definition["containerDefinitions"][0].as_object_mut().unwrap().extend(container.as_object().unwrap().clone());
    definition.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
    api.ok("RegisterTaskDefinition", definition).await;
}

async fn started(api: &Api, definition: &str) -> Value {
    let mut reply = api.run(json!({"taskDefinition": definition})).await;
    assert_eq!(reply["failures"], json!([]));
    reply["tasks"][0].take()
}

async fn reported(api: &Api, task: &Value, status: &str) {
    api.ok("SubmitTaskStateChange", json!({"task": task["taskArn"], "status": status})).await;
}

#[tokio::test]
async fn arn3_an_object_keeps_the_long_arn_it_was_made_with() {
    let api = Api::with_instances(1).await;
    let task = started(&api, "web").await["taskArn"].clone();
    assert!(task.as_str().unwrap().contains(":task/default/"));
    let off = json!({"name": "taskLongArnFormat", "value": "disabled"});
    assert_eq!(api.refused("PutAccountSetting", off).await.code, "InvalidParameterException");
    let found = api.ok("DescribeTasks", json!({"tasks": [task]})).await;
    assert_eq!(found["tasks"][0]["taskArn"], task);
}

/// RES-2, RES-5, RES-8: the reservation counts, until STOPPED is confirmed, and nothing goes below zero.
#[tokio::test]
async fn res2_res5_res8_memory_is_held_from_placement_to_stopped() {
    let api = Api::empty().await;
    let mut able = instance();
    for name in ["com.amazonaws.ecs.capability.docker-remote-api.1.21", "ecs.capability.task-cpu-mem-limit"] {
        able["attributes"].as_array_mut().unwrap().push(json!({"name": name}));
    }
    api.ok("RegisterContainerInstance", able).await;
    register(&api, "soft", json!({"memory": 900, "memoryReservation": 300}), json!({})).await;
    register(&api, "sized", json!({"memory": 100}), json!({"memory": "400"})).await;
    let arn = api.instances().await.remove(0);
    let soft = started(&api, "soft").await;
    assert_eq!(remaining(&api, &arn, "MEMORY").await, 1024 - 300);
    started(&api, "sized").await;
    assert_eq!(remaining(&api, &arn, "MEMORY").await, 1024 - 300 - 400);
    let last = api.run(json!({"taskDefinition": "sized", "count": 2})).await;
    assert_eq!(
        (last["tasks"].as_array().unwrap().len(), &last["failures"][0]["reason"]),
        (0, &json!("RESOURCE:MEMORY"))
    );
    assert_eq!(remaining(&api, &arn, "MEMORY").await, 324);

    reported(&api, &soft, "RUNNING").await;
    api.ok("StopTask", json!({"task": soft["taskArn"]})).await;
    assert_eq!(remaining(&api, &arn, "MEMORY").await, 324, "told to stop is not STOPPED");
    reported(&api, &soft, "STOPPED").await;
    assert_eq!(remaining(&api, &arn, "MEMORY").await, 624);
}

#[tokio::test]
async fn res4_gpus_are_held_by_name() {
    let api = Api::empty().await;
    let mut request = instance();
    request["platformDevices"] = json!([{"id": "gpu-0", "type": "GPU"}, {"id": "gpu-1", "type": "GPU"}]);
    request["attributes"].as_array_mut().unwrap().push(json!({"name": "ecs.capability.gpu"}));
    let arn = api.ok("RegisterContainerInstance", request).await["containerInstance"]["containerInstanceArn"].clone();
    let one = json!({"memory": 64, "resourceRequirements": [{"type": "GPU", "value": "1"}]});
    register(&api, "gpu", one, json!({})).await;
    let first = started(&api, "gpu").await;
    let held = texts(&first["containers"][0]["gpuIds"]);
    let instance = described(&api, arn.as_str().unwrap()).await;
    let left = instance["remainingResources"].as_array().unwrap().iter().find(|one| one["name"] == "GPU").unwrap();
    let left = texts(&left["stringSetValue"]);
    assert_eq!((held.len(), left.len()), (1, 1));
    assert_ne!(held, left);
    assert_eq!(texts(&started(&api, "gpu").await["containers"][0]["gpuIds"]), left);
    assert_eq!(api.run(json!({"taskDefinition": "gpu"})).await["failures"][0]["reason"], "RESOURCE:GPU");
}

/// CI-4, CI-11: nobody but the instance fills in the platform's attributes; its tasks count by their last status.
#[tokio::test]
async fn ci4_ci11_platform_attributes_and_counts_of_tasks() {
    let api = Api::with_instances(1).await;
    let arn = api.instances().await.remove(0);
    let counts = async || {
        let row = described(&api, &arn).await;
        (row["pendingTasksCount"].as_i64().unwrap(), row["runningTasksCount"].as_i64().unwrap())
    };
    let row = described(&api, &arn).await;
    let zone = json!({"name": "ecs.availability-zone", "value": "eu-west-1a"});
    assert!(row["attributes"].as_array().unwrap().contains(&zone), "{row}");
    let task = started(&api, "web").await;
    assert_eq!(counts().await, (1, 0));
    reported(&api, &task, "RUNNING").await;
    assert_eq!(counts().await, (0, 1));
    let busy = json!({"filter": "runningTasksCount == 1"});
    assert_eq!(api.ok("ListContainerInstances", busy).await["containerInstanceArns"], json!([arn]));
    api.ok("StopTask", json!({"task": task["taskArn"]})).await;
    assert_eq!(counts().await, (0, 1), "it still runs");
    reported(&api, &task, "STOPPED").await;
    assert_eq!(counts().await, (0, 0));
}

/// Of all that an instance lacks, the first in the order of the checks is the reason.
#[tokio::test]
async fn run10_each_instance_gives_its_first_reason() {
    let api = Api::with_instances(1).await;
    let arn = api.instances().await.remove(0);
    let port = json!({"containerPort": 80, "hostPort": 8080});
    let everything = |cpu: i64, memory: i64| json!({"cpu": cpu, "memory": memory, "portMappings": [port], "privileged": cpu == 4001});
    register(&api, "holder", json!({"memory": 16, "portMappings": [port]}), json!({})).await;
    register(&api, "attribute", everything(4001, 4000), json!({})).await;
    register(&api, "cpu", everything(4000, 4000), json!({})).await;
    register(&api, "memory", everything(0, 4000), json!({})).await;
    register(&api, "ports", everything(0, 16), json!({})).await;
    register(&api, "plain", json!({"memory": 16}), json!({})).await;
    let holder = json!({"taskDefinition": "holder", "containerInstances": [arn], "group": "g"});
    assert_eq!(api.ok("StartTask", holder).await["failures"], json!([]));
    let elsewhere = json!({"type": "memberOf", "expression": "attribute:rack == 9"});
    let alone = json!({"type": "distinctInstance"});
    for (definition, constraints, reason) in [
        ("attribute", json!([elsewhere, alone]), "ATTRIBUTE"),
        ("cpu", json!([elsewhere, alone]), "RESOURCE:CPU"),
        ("memory", json!([elsewhere, alone]), "RESOURCE:MEMORY"),
        ("ports", json!([elsewhere, alone]), "RESOURCE:PORTS"),
        ("plain", json!([elsewhere, alone]), "MemberOf placement constraint unsatisfied."),
        ("plain", json!([alone]), "DistinctInstance placement constraint unsatisfied."),
    ] {
        let run = json!({"taskDefinition": definition, "group": "g", "placementConstraints": constraints});
        let failures = api.run(run).await["failures"].take();
        assert_eq!(failures.as_array().unwrap().len(), 1, "{failures}");
        assert_eq!((&failures[0]["arn"], &failures[0]["reason"]), (&json!(arn), &json!(reason)), "{definition}");
    }
}

#[tokio::test]
async fn tl2_tl14_what_is_to_stop_stops_and_what_stops_by_itself_frees_what_it_held() {
    let api = Api::with_instances(1).await;
    let arn = api.instances().await.remove(0);
    let ended = started(&api, "web").await;
    reported(&api, &ended, "RUNNING").await;
    reported(&api, &ended, "STOPPED").await;
    assert_eq!(remaining(&api, &arn, "CPU").await, 1024);
    let stopped = started(&api, "web").await;
    reported(&api, &stopped, "RUNNING").await;
    api.ok("StopTask", json!({"task": stopped["taskArn"]})).await;
    reported(&api, &stopped, "RUNNING").await;
    let found = api.ok("DescribeTasks", json!({"tasks": [ended["taskArn"], stopped["taskArn"]]})).await;
    let status = |at: usize| (found["tasks"][at]["desiredStatus"].clone(), found["tasks"][at]["lastStatus"].clone());
    assert_eq!(status(0), (json!("STOPPED"), json!("STOPPED")));
    assert_eq!(status(1), (json!("STOPPED"), json!("RUNNING")));
    // PENDING is nobody's desired status.
    assert_eq!(api.ok("ListTasks", json!({"desiredStatus": "PENDING"})).await["taskArns"], json!([]));

    let create = json!({"serviceName": "s", "taskDefinition": "web", "desiredCount": 1});
    api.ok("CreateService", create).await;
    let of_service = async || texts(&api.ok("ListTasks", json!({"serviceName": "s"})).await["taskArns"]);
    let first = of_service().await;
    reported(&api, &json!({"taskArn": first[0]}), "RUNNING").await;
    reported(&api, &json!({"taskArn": first[0]}), "STOPPED").await;
    let second = of_service().await;
    assert_eq!(second.len(), 1);
    assert_ne!(first, second);
}

/// CQL-1, CQL-6, CQL-7, CQL-12 where a caller meets them.
#[tokio::test]
async fn cql1_cql6_cql7_cql12_expressions_over_attributes_and_groups() {
    let api = Api::with_instances(2).await;
    let arns = api.instances().await;
    let put = json!({"attributes": [
        {"name": "marked", "targetId": arns[0]},
        {"name": "size", "value": "9", "targetId": arns[0]}, {"name": "size", "value": "10", "targetId": arns[1]},
        {"name": "tier", "value": "b", "targetId": arns[0]}, {"name": "tier", "value": "a", "targetId": arns[1]},
    ]});
    api.ok("PutAttributes", put).await;
    for group in ["x", "y"] {
        let start = json!({"taskDefinition": "web", "containerInstances": [arns[0]], "group": group});
        assert_eq!(api.ok("StartTask", start).await["failures"], json!([]));
    }
    for (filter, expected) in [
        ("attribute:marked exists", vec![0]),
        ("attribute:marked == ''", vec![0]),
        ("attribute:size < 10", vec![0]),
        ("attribute:size == 10", vec![1]),
        ("attribute:tier < b", vec![1]),
        ("attribute:tier == B", vec![]),
        ("(attribute:tier == a or attribute:tier == b) and not(attribute:marked exists)", vec![1]),
        ("attribute:tier in [a, c]", vec![1]),
        ("attribute:tier =~ [ab]", vec![0, 1]),
        ("task:group == x", vec![0]),
        ("task:group in [y, z]", vec![0]),
        ("task:group != x", vec![1]),
        ("task:group exists", vec![0]),
        ("task:group !exists", vec![1]),
    ] {
        let found = texts(&api.ok("ListContainerInstances", json!({"filter": filter})).await["containerInstanceArns"]);
        let expected: Vec<String> = expected.into_iter().map(|at: usize| arns[at].clone()).collect();
        assert_eq!(found, expected, "{filter}");
    }
    let error = api.refused("ListContainerInstances", json!({"filter": "attribute:tier = a"})).await;
    assert_eq!(error.code, "InvalidParameterException");
}

/// PL-7, PL-8, PL-12.
#[tokio::test]
async fn pl7_pl8_pl12_where_run_task_places() {
    let api = Api::with_instances(2).await;
    let mut elsewhere = instance();
    elsewhere["attributes"][0]["value"] = json!("eu-west-1b");
    let other = api.ok("RegisterContainerInstance", elsewhere).await["containerInstance"].take();
    let mut arns = api.instances().await;
    arns.retain(|arn| *arn != other["containerInstanceArn"].as_str().unwrap());
    arns.sort();
    let nobody = json!([{"type": "memberOf", "expression": "task:group == nobody"}]);
    let affine = json!({"taskDefinition": "web", "group": "nobody", "placementConstraints": nobody});
    let refused = api.run(affine).await;
    assert_eq!((refused["tasks"].as_array().unwrap().len(), refused["failures"].as_array().unwrap().len()), (0, 3));

    let first = started(&api, "web").await["containerInstanceArn"].clone();
    let second = started(&api, "web").await["containerInstanceArn"].clone();
    // The zones in turn; within one the lowest id, then the one with fewer.
    let lone = other["containerInstanceArn"].clone();
    assert!([(json!(arns[0]), lone.clone()), (lone, json!(arns[0]))].contains(&(first, second)), "{arns:?}");
    let mut rest = Vec::new();
    for _ in 0..2 {
        rest.push(started(&api, "web").await["containerInstanceArn"].clone());
    }
    assert!(rest.contains(&json!(arns[1])), "{rest:?}");
}

#[tokio::test]
async fn svc17_an_inactive_service_is_still_described() {
    let api = Api::with_instances(1).await;
    let create = json!({"serviceName": "s", "taskDefinition": "web", "desiredCount": 0});
    let service = api.ok("CreateService", create).await["service"].take();
    assert_eq!(api.ok("DeleteService", json!({"service": "s"})).await["service"]["status"], "INACTIVE");
    let found = api.ok("DescribeServices", json!({"services": ["s"]})).await;
    assert_eq!((&found["services"][0]["status"], &found["failures"]), (&json!("INACTIVE"), &json!([])));
    assert_eq!(found["services"][0]["serviceArn"], service["serviceArn"]);
    assert_eq!(api.ok("ListServices", json!({})).await["serviceArns"], json!([]));
    assert_eq!(api.refused("UpdateService", json!({"service": "s"})).await.code, "ServiceNotActiveException");
}

/// EXE-1 up to the session, which nothing here could give.
#[tokio::test]
async fn exe1_a_command_is_refused_step_by_step() {
    let api = Api::with_instances(1).await;
    let ask = |task: &Value, interactive: bool| json!({"task": task, "command": "ls", "interactive": interactive});
    let run = json!({"taskDefinition": "web", "enableExecuteCommand": true});
    let (closed, open) = (started(&api, "web").await, api.run(run).await["tasks"][0].take());
    let refused = async |task: &Value, interactive: bool| api.refused("ExecuteCommand", ask(task, interactive)).await;
    for (task, interactive, code, part) in [
        (&open["taskArn"], false, "InvalidParameterException", "Interactive"),
        (&json!("0123456789abcdef0123456789abcdef"), true, "InvalidParameterException", "was not found"),
        (&closed["taskArn"], true, "InvalidParameterException", "was not enabled"),
        (&open["taskArn"], true, "InvalidParameterException", "isn’t running"),
    ] {
        let error = refused(task, interactive).await;
        assert!(error.code == code && error.message.contains(part), "{error}");
    }
    reported(&api, &open, "RUNNING").await;
    let error = refused(&open["taskArn"], true).await;
    assert!(error.code == "TargetNotConnectedException" && error.message.contains("'app'"), "{error}");
    let mut named = ask(&open["taskArn"], true);
    named["container"] = json!("none");
    assert_eq!(api.refused("ExecuteCommand", named).await.code, "InvalidParameterException");
    let mut two = web();
    two["family"] = json!("two");
    let mut second = two["containerDefinitions"][0].clone();
    second["name"] = json!("side");
    two["containerDefinitions"].as_array_mut().unwrap().push(second);
    api.ok("RegisterTaskDefinition", two).await;
    let run = json!({"taskDefinition": "two", "enableExecuteCommand": true});
    let both = api.run(run).await["tasks"][0].take();
    assert!(refused(&both["taskArn"], true).await.message.contains("2 (app, side)"));
}
