//! What operations do over several calls.

use super::{Api, instance, texts, web};
use serde_json::{Value, json};

#[tokio::test]
async fn cl2_cl3_cl8_a_cluster_comes_goes_and_comes_back() {
    let api = Api::empty().await;
    assert_eq!(api.refused("ListTasks", json!({})).await.code, "ClusterNotFoundException");
    let registered = api.ok("RegisterContainerInstance", instance()).await;
    let described = api.ok("DescribeClusters", json!({})).await;
    assert_eq!(described["clusters"][0]["registeredContainerInstancesCount"], 1);
    let arn = &registered["containerInstance"]["containerInstanceArn"];
    api.ok("DeregisterContainerInstance", json!({"containerInstance": arn})).await;
    assert_eq!(api.ok("DeleteCluster", json!({"cluster": "default"})).await["cluster"]["status"], "INACTIVE");
    assert_eq!(api.ok("ListClusters", json!({})).await, json!({"clusterArns": []}));
    assert_eq!(api.ok("DescribeClusters", json!({})).await["clusters"][0]["status"], "INACTIVE");
    assert_eq!(api.ok("CreateCluster", json!({})).await["cluster"]["status"], "ACTIVE");
    assert_eq!(
        api.ok("CreateCluster", json!({"tags": [{"key": "k", "value": "v"}]})).await["cluster"]["tags"],
        json!([])
    );
}

/// W-13, I-29.
#[tokio::test]
async fn w13_lists_come_in_pages_and_whole() {
    let api = Api::empty().await;
    for name in ["c", "a", "b"] {
        api.ok("CreateCluster", json!({"clusterName": name})).await;
        api.ok("RegisterTaskDefinition", family(name)).await;
    }
    for _ in 0..11 {
        api.ok("RegisterTaskDefinition", family("b")).await;
    }
    api.ok("DeregisterTaskDefinition", json!({"taskDefinition": "a:1"})).await;
    let last = |arns: Vec<Value>| -> Vec<String> {
        arns.iter().map(|arn| arn.as_str().unwrap().rsplit('/').next().unwrap().to_owned()).collect()
    };
    let clusters = api.pages("ListClusters", json!({}), "clusterArns", 2).await;
    assert_eq!(last(clusters), ["a", "b", "c"]);

    // TD-78: revisions are ordered as numbers, families as texts.
    let ascending = last(api.pages("ListTaskDefinitions", json!({}), "taskDefinitionArns", 5).await);
    assert_eq!((ascending[0].as_str(), ascending[9].as_str(), ascending[11].as_str()), ("b:1", "b:10", "b:12"));
    assert_eq!(ascending.len(), 13);
    let mut descending = last(api.pages("ListTaskDefinitions", json!({"sort": "DESC"}), "taskDefinitionArns", 5).await);
    descending.reverse();
    assert_eq!(ascending, descending);
    let inactive = json!({"familyPrefix": "a", "status": "INACTIVE"});
    assert_eq!(last(api.pages("ListTaskDefinitions", inactive, "taskDefinitionArns", 5).await), ["a:1"]);
    let families = |body: Value| api.pages("ListTaskDefinitionFamilies", body, "families", 1);
    assert_eq!(families(json!({})).await, ["a", "b", "c"]);
    assert_eq!(families(json!({"status": "INACTIVE"})).await, ["a"]);
    assert_eq!(families(json!({"status": "ACTIVE", "familyPrefix": "b"})).await, ["b"]);

    // A token belongs to its filters.
    let page = api.ok("ListTaskDefinitions", json!({"maxResults": 1})).await;
    let foreign = json!({"maxResults": 1, "sort": "DESC", "nextToken": page["nextToken"]});
    assert_eq!(api.refused("ListTaskDefinitions", foreign).await.code, "InvalidParameterException");
}

#[tokio::test]
async fn ci10_cql_instances_by_status_and_expression() {
    let api = Api::with_instances(3).await;
    let arns = api.instances().await;
    let started = json!({"taskDefinition": "web", "containerInstances": [arns[0]], "group": "databases"});
    assert_eq!(api.ok("StartTask", started).await["failures"], json!([]));
    let put = json!({"attributes": [{"name": "stack", "value": "prod", "targetId": arns[1]}]});
    api.ok("PutAttributes", put).await;
    api.ok("UpdateContainerInstancesState", json!({"containerInstances": [arns[2]], "status": "DRAINING"})).await;
    for (body, expected) in [
        (json!({}), vec![0, 1, 2]),
        (json!({"status": "DRAINING"}), vec![2]),
        (json!({"status": "ACTIVE"}), vec![0, 1]),
        (json!({"status": "REGISTERING"}), vec![]),
        (json!({"filter": "attribute:stack == prod"}), vec![1]),
        (json!({"filter": "not(task:group == databases)"}), vec![1, 2]),
        (json!({"filter": "task:group == databases"}), vec![0]),
        (json!({"filter": "agentVersion >= 1.14.5 and attribute:ecs.os-type =~ lin.*"}), vec![0, 1, 2]),
        (json!({"filter": "agentConnected == true", "status": "DRAINING"}), vec![2]),
    ] {
        let found = api.pages("ListContainerInstances", body.clone(), "containerInstanceArns", 1).await;
        let expected: Vec<Value> = expected.iter().map(|&at: &usize| json!(arns[at])).collect();
        assert_eq!(found, expected, "{body}");
    }
}

#[tokio::test]
async fn run14_tasks_by_every_filter() {
    let api = Api::with_instances(2).await;
    let arns = api.instances().await;
    let start =
        |at: usize| json!({"taskDefinition": "web", "containerInstances": [arns[at]], "startedBy": format!("u{at}")});
    let on_first = api.ok("StartTask", start(0)).await["tasks"][0]["taskArn"].clone();
    let on_second = api.ok("StartTask", start(1)).await["tasks"][0]["taskArn"].clone();
    api.ok("CreateService", json!({"serviceName": "s", "taskDefinition": "web", "desiredCount": 2})).await;
    let of_service = texts(&api.ok("ListTasks", json!({"serviceName": "s"})).await["taskArns"]);
    assert_eq!(of_service.len(), 2);
    api.ok("StopTask", json!({"task": on_second})).await;
    for (body, expected) in [
        (json!({}), 3),
        (json!({"desiredStatus": "STOPPED"}), 1),
        (json!({"desiredStatus": "PENDING"}), 0),
        (json!({"family": "web"}), 3),
        (json!({"family": "other"}), 0),
        (json!({"startedBy": "u0"}), 1),
        (json!({"startedBy": "u1", "desiredStatus": "STOPPED"}), 1),
        (json!({"launchType": "EC2"}), 3),
        (json!({"launchType": "EXTERNAL"}), 0),
        (json!({"serviceName": "s", "family": "other"}), 0),
    ] {
        assert_eq!(api.pages("ListTasks", body.clone(), "taskArns", 1).await.len(), expected, "{body}");
    }
    let on = |at: usize| json!({"containerInstance": arns[at], "desiredStatus": "RUNNING"});
    let first = api.pages("ListTasks", on(0), "taskArns", 10).await;
    assert!(first.contains(&on_first));
    let second = api.pages("ListTasks", on(1), "taskArns", 10).await;
    assert_eq!(first.len() + second.len(), 3);
}

#[tokio::test]
async fn svc12_absent_is_unchanged_and_empty_clears() {
    let api = Api::with_instances(1).await;
    let create = json!({
        "serviceName": "s", "taskDefinition": "web", "desiredCount": 0,
        "placementStrategy": [{"type": "spread", "field": "host"}],
        "placementConstraints": [{"type": "memberOf", "expression": "attribute:a exists"}],
        "loadBalancers": [{"containerName": "app", "containerPort": 80, "targetGroupArn": "t"}],
        "deploymentConfiguration": {"maximumPercent": 150, "deploymentCircuitBreaker": {"enable": true, "rollback": false}},
    });
    let created = api.ok("CreateService", create).await["service"].clone();
    assert_eq!(created["availabilityZoneRebalancing"], "DISABLED", "SVC-60: the first strategy is not by zone");
    let update = json!({"service": "s", "healthCheckGracePeriodSeconds": 7, "deploymentConfiguration": {"minimumHealthyPercent": 50}});
    let updated = api.ok("UpdateService", update).await["service"].clone();
    for member in ["placementStrategy", "placementConstraints", "loadBalancers", "availabilityZoneRebalancing"] {
        assert_eq!(updated[member], created[member], "{member}");
    }
    let configuration = &updated["deploymentConfiguration"];
    assert_eq!((&configuration["maximumPercent"], &configuration["minimumHealthyPercent"]), (&json!(150), &json!(50)));
    assert_eq!(configuration["deploymentCircuitBreaker"], json!({"enable": true, "rollback": false}));
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 1, "SVC-13: nothing deployed");
    let clear = json!({"service": "s", "placementStrategy": [], "placementConstraints": [], "loadBalancers": []});
    let cleared = api.ok("UpdateService", clear).await["service"].clone();
    for member in ["placementStrategy", "placementConstraints", "loadBalancers"] {
        assert_eq!(cleared[member], json!([]), "{member}");
    }
    assert_ne!(cleared["deployments"][0]["id"], created["deployments"][0]["id"], "SVC-13: load balancers changed");
}

#[tokio::test]
async fn svc7_svc12_what_is_switched_off_or_empty_is_accepted_and_not_kept() {
    let api = Api::with_instances(1).await;
    let vpc = json!({"family": "vpc", "networkMode": "awsvpc", "containerDefinitions": [{"name": "a", "image": "i", "memory": 4}]});
    api.ok("RegisterTaskDefinition", vpc).await;
    let off = json!({"alarms": {"alarmNames": [], "enable": false, "rollback": false}});
    let create = json!({
        "serviceName": "s", "taskDefinition": "web", "desiredCount": 0,
        "deploymentConfiguration": off, "networkConfiguration": {},
    });
    let created = api.ok("CreateService", create).await["service"].clone();
    assert_eq!(created.get("networkConfiguration"), None, "{created}");
    let update = json!({"service": "s", "deploymentConfiguration": off, "networkConfiguration": {}});
    let updated = api.ok("UpdateService", update).await["service"].clone();
    assert_eq!(updated.get("networkConfiguration"), None, "{updated}");
    assert_eq!(updated["deployments"].as_array().unwrap().len(), 1, "SVC-13: nothing deployed");
    // RUN-3: the empty network does not pass for one.
    let refused = api.refused("UpdateService", json!({"service": "s", "taskDefinition": "vpc"})).await;
    assert!(refused.message.starts_with("Network Configuration must be provided"), "{refused}");
}

#[tokio::test]
async fn run9_an_attribute_failure_says_which_one_is_missing() {
    let api = Api::with_instances(1).await;
    let checked = json!({"family": "checked", "containerDefinitions": [{
        "name": "a", "image": "i", "memory": 4, "healthCheck": {"command": ["CMD", "true"]},
    }]});
    api.ok("RegisterTaskDefinition", checked).await;
    let start = json!({"taskDefinition": "checked", "containerInstances": api.instances().await});
    for answer in [api.run(json!({"taskDefinition": "checked"})).await, api.ok("StartTask", start).await] {
        let failure = &answer["failures"][0];
        assert_eq!(failure["reason"], "ATTRIBUTE", "{answer}");
        let detail = failure["detail"].as_str().unwrap();
        assert!(detail.starts_with("Missing attributes: "), "{answer}");
        assert!(detail.contains("ecs.capability.container-health-check"), "{answer}");
    }
}

#[tokio::test]
async fn td77_a_service_may_keep_its_inactive_definition() {
    let api = Api::with_instances(1).await;
    api.ok("CreateService", json!({"serviceName": "s", "taskDefinition": "web:1", "desiredCount": 0})).await;
    api.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    let again = api.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    assert_eq!(again["taskDefinition"]["status"], "INACTIVE");
    api.ok("UpdateService", json!({"service": "s", "taskDefinition": "web:1", "desiredCount": 1})).await;
    api.ok("RegisterTaskDefinition", web()).await;
    let updated = api.ok("UpdateService", json!({"service": "s", "taskDefinition": "web"})).await;
    assert!(updated["service"]["taskDefinition"].as_str().unwrap().ends_with("web:2"));
}

#[tokio::test]
async fn tag4_tags_are_propagated_and_own_ones_win() {
    let api = Api::with_instances(1).await;
    let mut tagged = web();
    tagged["tags"] = json!([{"key": "a", "value": "definition"}, {"key": "b", "value": "definition"}]);
    api.ok("RegisterTaskDefinition", tagged).await;
    let run =
        json!({"taskDefinition": "web", "tags": [{"key": "a", "value": "own"}], "propagateTags": "TASK_DEFINITION"});
    let started = api.run(run).await;
    assert_eq!(started["tasks"][0]["tags"], json!([{"key": "a", "value": "own"}, {"key": "b", "value": "definition"}]));
    let task = &started["tasks"][0]["taskArn"];
    let described = api.ok("DescribeTasks", json!({"tasks": [task]})).await;
    assert_eq!(described["tasks"][0]["tags"], json!([]), "W-12: only with include");
}

#[tokio::test]
async fn ci3_an_instance_registers_again_under_its_arn() {
    let api = Api::with_instances(1).await;
    let arn = api.instances().await.remove(0);
    api.ok("PutAttributes", json!({"attributes": [{"name": "mine", "value": "1", "targetId": arn}]})).await;
    let mut again = instance();
    again["containerInstanceArn"] = json!(arn);
    again["attributes"] = json!([{"name": "ecs.os-type", "value": "linux"}]);
    let registered = api.ok("RegisterContainerInstance", again).await["containerInstance"].clone();
    assert_eq!(registered["containerInstanceArn"], json!(arn));
    let expected = json!([{"name": "ecs.os-type", "value": "linux"}, {"name": "mine", "value": "1"}]);
    assert_eq!(registered["attributes"], expected);
}

#[tokio::test]
async fn ci8_op5_forced_deregistration_and_late_reports() {
    let api = Api::with_instances(1).await;
    let arn = api.instances().await.remove(0);
    let task = api.run(json!({"taskDefinition": "web"})).await["tasks"][0]["taskArn"].clone();
    let answer = api.ok("DeregisterContainerInstance", json!({"containerInstance": arn, "force": true})).await;
    assert_eq!(answer["containerInstance"]["status"], "INACTIVE");
    assert_eq!(answer["containerInstance"]["agentConnected"], false);
    let described = api.ok("DescribeTasks", json!({"tasks": [task]})).await["tasks"][0].clone();
    assert_eq!(described["lastStatus"], "STOPPED");
    assert_eq!(described["stoppedReason"], "Container instance deregistration forced by user");
    assert_eq!(api.instances().await, Vec::<String>::new());
    for late in [task, json!("0123456789abcdef0123456789abcdef")] {
        let report = json!({"task": late, "containerName": "app", "status": "RUNNING"});
        assert_eq!(api.ok("SubmitContainerStateChange", report).await, json!({"acknowledgment": "ACK"}));
    }
}

#[tokio::test]
async fn attr5_attributes_in_pages() {
    let api = Api::with_instances(3).await;
    let list = |members: Value| {
        let mut body = members;
        body["targetType"] = json!("container-instance");
        body
    };
    assert_eq!(api.pages("ListAttributes", list(json!({})), "attributes", 4).await.len(), 6);
    let by_value = list(json!({"attributeName": "ecs.os-type", "attributeValue": "linux"}));
    assert_eq!(api.pages("ListAttributes", by_value, "attributes", 2).await.len(), 3);
    let none = list(json!({"attributeName": "ecs.os-type", "attributeValue": "windows"}));
    assert_eq!(api.pages("ListAttributes", none, "attributes", 2).await.len(), 0);
}

fn family(name: &str) -> Value {
    let mut definition = web();
    definition["family"] = json!(name);
    definition
}

/// SVC-4, SVC-9, SVC-16, SVC-40.
#[tokio::test]
async fn svc40_a_daemon_service_counts_instances_and_needs_no_force() {
    let api = Api::with_instances(3).await;
    let create = json!({"serviceName": "agent", "taskDefinition": "web", "schedulingStrategy": "DAEMON"});
    let created = api.ok("CreateService", create).await["service"].clone();
    assert_eq!((&created["schedulingStrategy"], &created["desiredCount"]), (&json!("DAEMON"), &json!(3)));
    assert_eq!(created["deploymentConfiguration"]["maximumPercent"], 100);
    assert_eq!(created["deploymentConfiguration"]["minimumHealthyPercent"], 0);
    assert_eq!(created["deployments"][0]["desiredCount"], 3);
    assert_eq!(created["availabilityZoneRebalancing"], "DISABLED");
    api.ok("RegisterContainerInstance", instance()).await;
    let described = async || api.ok("DescribeServices", json!({"services": ["agent"]})).await["services"][0].clone();
    let service = described().await;
    assert_eq!((&service["desiredCount"], &service["pendingCount"]), (&json!(4), &json!(4)));
    // Partly given and empty members leave the rest as it is.
    let update =
        json!({"service": "agent", "deploymentConfiguration": {"minimumHealthyPercent": 50}, "placementStrategy": []});
    let updated = api.ok("UpdateService", update).await["service"].clone();
    assert_eq!(updated["deploymentConfiguration"]["maximumPercent"], 100);
    assert_eq!(updated["deploymentConfiguration"]["minimumHealthyPercent"], 50);
    let listed = api.ok("ListServices", json!({"schedulingStrategy": "DAEMON"})).await;
    assert_eq!(listed["serviceArns"].as_array().unwrap().len(), 1);
    let deleted = api.ok("DeleteService", json!({"service": "agent"})).await["service"].clone();
    assert_eq!(deleted["desiredCount"], 0);
}
