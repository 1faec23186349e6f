//! Service deployments and revisions, over several calls (DEP-50..54).

use super::{Api, web};
use serde_json::{Value, json};

const BREAKER: &str = "deploymentCircuitBreaker";

async fn history(api: &Api) -> Vec<Value> {
    api.pages("ListServiceDeployments", json!({"service": "web"}), "serviceDeployments", 1).await
}

fn arn(brief: &Value) -> &str {
    brief["serviceDeploymentArn"].as_str().unwrap()
}

async fn described(api: &Api, arn: &str) -> Value {
    let mut reply = api.ok("DescribeServiceDeployments", json!({"serviceDeploymentArns": [arn]})).await;
    assert_eq!(reply["failures"], json!([]));
    reply["serviceDeployments"][0].take()
}

async fn service(api: &Api) -> Value {
    api.ok("DescribeServices", json!({"services": ["web"]})).await["services"][0].take()
}

/// Says of every live task of a definition that it has that status.
async fn report(api: &Api, definition: &str, status: &str) {
    let listed = api.ok("ListTasks", json!({"serviceName": "web"})).await;
    let described = api.ok("DescribeTasks", json!({"tasks": listed["taskArns"]})).await;
    let of_definition = |task: &&Value| {
        task["taskDefinitionArn"].as_str().unwrap().ends_with(definition) && task["lastStatus"] == "PENDING"
    };
    for task in described["tasks"].as_array().unwrap().iter().filter(of_definition) {
        let change = json!({"task": task["taskArn"], "status": status, "reason": "CannotPullContainerError"});
        api.ok("SubmitTaskStateChange", change).await;
    }
}

/// A service whose first deployment has succeeded, and definition `web:2`.
async fn running(configuration: Value) -> Api {
    let api = Api::with_instances(2).await;
    api.ok("RegisterTaskDefinition", web()).await;
    let create = json!({
        "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 2, "deploymentConfiguration": configuration,
    });
    api.ok("CreateService", create).await;
    report(&api, "web:1", "RUNNING").await;
    assert_eq!(history(&api).await[0]["status"], "SUCCESSFUL");
    api
}

#[tokio::test]
async fn dep40_dep45_dep51_a_deployment_that_fails_is_rolled_back_and_remembered() {
    let api = running(json!({BREAKER: {"enable": true, "rollback": true}})).await;
    api.ok("UpdateService", json!({"service": "web", "taskDefinition": "web:2"})).await;
    let newest = history(&api).await.remove(0);
    assert_eq!(newest["status"], "IN_PROGRESS");
    assert_eq!(
        described(&api, arn(&newest)).await[BREAKER],
        json!({"status": "MONITORING", "failureCount": 0, "threshold": 3})
    );
    report(&api, "web:2", "STOPPED").await;
    assert_eq!(
        described(&api, arn(&newest)).await[BREAKER],
        json!({"status": "MONITORING", "failureCount": 2, "threshold": 3})
    );
    report(&api, "web:2", "STOPPED").await;

    let done = described(&api, arn(&newest)).await;
    assert_eq!(done["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(done[BREAKER]["status"], "TRIGGERED");
    assert!(done["finishedAt"].is_number());
    assert!(done.get("stoppedAt").is_none());
    let first = history(&api).await.remove(1);
    assert_eq!(done["rollback"]["serviceRevisionArn"], first["targetServiceRevisionArn"]);
    let service = service(&api).await;
    assert_eq!(service["currentServiceDeployment"], newest["serviceDeploymentArn"]);
    assert_eq!(service["currentServiceRevisions"].as_array().unwrap().len(), 1);
    assert_eq!(service["currentServiceRevisions"][0]["runningTaskCount"], 2);
    assert!(service["taskDefinition"].as_str().unwrap().ends_with("web:1"));
}

#[tokio::test]
async fn dep53_a_deployment_is_stopped_once() {
    let api = running(json!({"minimumHealthyPercent": 100, "maximumPercent": 100})).await;
    api.ok("UpdateService", json!({"service": "web", "taskDefinition": "web:2"})).await;
    let newest = history(&api).await.remove(0);
    let stop = |kind: &str| json!({"serviceDeploymentArn": arn(&newest), "stopType": kind});
    assert_eq!(api.refused("StopServiceDeployment", stop("ABORT")).await.code, "InvalidParameterException");
    assert_eq!(
        api.ok("StopServiceDeployment", stop("ROLLBACK")).await["serviceDeploymentArn"],
        newest["serviceDeploymentArn"]
    );
    assert_eq!(described(&api, arn(&newest)).await["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(api.refused("StopServiceDeployment", stop("ROLLBACK")).await.code, "ConflictException");
    let unknown = json!({"serviceDeploymentArn": format!("{}-x", arn(&newest))});
    assert_eq!(api.refused("StopServiceDeployment", unknown.clone()).await.code, "ServiceDeploymentNotFoundException");
    let elsewhere = json!({"serviceDeploymentArn": arn(&newest).replace("default", "nowhere")});
    assert_eq!(api.refused("StopServiceDeployment", elsewhere).await.code, "ServiceDeploymentNotFoundException");
    let malformed = json!({"serviceDeploymentArn": "web"});
    assert_eq!(api.refused("StopServiceDeployment", malformed).await.code, "InvalidParameterException");

    // DEP-54
    let go_on = json!({"serviceDeploymentArn": arn(&newest), "hookId": "h"});
    assert_eq!(api.refused("ContinueServiceDeployment", go_on).await.code, "UnsupportedFeatureException");
    let mut go_on = unknown;
    go_on["hookId"] = json!("h");
    assert_eq!(api.refused("ContinueServiceDeployment", go_on).await.code, "ServiceDeploymentNotFoundException");
}

#[tokio::test]
async fn dep48_a_rollback_may_go_to_a_deregistered_definition() {
    let api = running(json!({"minimumHealthyPercent": 100, "maximumPercent": 100})).await;
    api.ok("UpdateService", json!({"service": "web", "taskDefinition": "web:2"})).await;
    api.ok("DeregisterTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    let newest = history(&api).await.remove(0);
    api.ok("StopServiceDeployment", json!({"serviceDeploymentArn": arn(&newest)})).await;
    assert_eq!(described(&api, arn(&newest)).await["status"], "ROLLBACK_SUCCESSFUL");
    assert!(service(&api).await["taskDefinition"].as_str().unwrap().ends_with("web:1"));
}

#[tokio::test]
async fn dep51_dep53_a_first_deployment_is_stopped_without_a_way_back() {
    let api = Api::with_instances(1).await;
    api.ok("CreateService", json!({"serviceName": "web", "taskDefinition": "web:1", "desiredCount": 1})).await;
    let only = history(&api).await.remove(0);
    api.ok("StopServiceDeployment", json!({"serviceDeploymentArn": arn(&only)})).await;
    let stopped = described(&api, arn(&only)).await;
    assert_eq!(stopped["status"], "STOPPED");
    assert!(stopped["stoppedAt"].is_number());
    assert_eq!(service(&api).await["deployments"][0]["rolloutState"], "FAILED");
}

#[tokio::test]
async fn dep51_what_is_superseded_or_deleted_is_stopped() {
    let api = running(json!({"minimumHealthyPercent": 100, "maximumPercent": 100})).await;
    for _ in 0..2 {
        api.ok("UpdateService", json!({"service": "web", "forceNewDeployment": true})).await;
    }
    let status =
        |list: Vec<Value>| list.iter().map(|one| one["status"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(status(history(&api).await), ["IN_PROGRESS", "STOPPED", "SUCCESSFUL"]);
    api.ok("DeleteService", json!({"service": "web", "force": true})).await;
    assert_eq!(status(history(&api).await), ["STOPPED", "STOPPED", "SUCCESSFUL"]);
}

#[tokio::test]
async fn dep50_dep52_revisions_keep_what_was_deployed() {
    let api = running(json!({})).await;
    api.ok("UpdateService", json!({"service": "web", "taskDefinition": "web:2"})).await;
    let listed = history(&api).await;
    let arns: Vec<&Value> = listed.iter().map(|one| &one["targetServiceRevisionArn"]).collect();
    let unknown = "arn:aws:ecs:eu-west-1:123456789012:service-revision/default/web/7";
    let reply =
        api.ok("DescribeServiceRevisions", json!({"serviceRevisionArns": [arns[0], arns[1], unknown, arns[0]]})).await;
    let revisions = reply["serviceRevisions"].as_array().unwrap();
    assert_eq!(revisions.len(), 2);
    assert!(revisions[0]["taskDefinition"].as_str().unwrap().ends_with("web:2"));
    assert_eq!(revisions[0]["containerImages"], json!([{"containerName": "app", "image": "busybox:1.36"}]));
    assert_eq!(revisions[0]["launchType"], "EC2");
    assert_eq!(reply["failures"], json!([{"arn": unknown, "reason": "MISSING"}]));

    let in_status = |status: &str| json!({"service": "web", "status": [status]});
    assert_eq!(
        api.pages("ListServiceDeployments", in_status("SUCCESSFUL"), "serviceDeployments", 5).await,
        listed[1..]
    );
    let after = json!({"service": "web", "createdAt": {"after": listed[1]["createdAt"]}});
    let newer = api.pages("ListServiceDeployments", after, "serviceDeployments", 5).await;
    assert!(newer.len() < 2, "{newer:?}");
    let error = api.refused("ListServiceDeployments", json!({"service": "other"})).await;
    assert_eq!(error.code, "ServiceNotFoundException");
    let deployments = json!({"serviceDeploymentArns": [arns[0]]});
    assert_eq!(api.refused("DescribeServiceDeployments", deployments).await.code, "InvalidParameterException");
}

#[tokio::test]
async fn dep40_thresholds_are_kept_and_shown() {
    let api = Api::with_instances(1).await;
    let create = |breaker: Value| {
        json!({
            "serviceName": "web", "taskDefinition": "web:1", "desiredCount": 1, "deploymentConfiguration": {BREAKER: breaker},
        })
    };
    for (kind, value) in [("COUNT", 0), ("BOUNDED_PERCENT", 101), ("UNBOUNDED_PERCENT", -1), ("OTHER", 1)] {
        let breaker =
            json!({"enable": true, "rollback": false, "thresholdConfiguration": {"type": kind, "value": value}});
        assert_eq!(
            api.refused("CreateService", create(breaker)).await.code,
            "InvalidParameterException",
            "{kind} {value}"
        );
    }
    let threshold = json!({"type": "COUNT", "value": 7});
    let breaker =
        json!({"enable": true, "rollback": false, "resetOnHealthyTask": false, "thresholdConfiguration": threshold});
    let created = api.ok("CreateService", create(breaker.clone())).await;
    assert_eq!(created["service"]["deploymentConfiguration"][BREAKER], breaker);
    assert_eq!(described(&api, arn(&history(&api).await[0])).await[BREAKER]["threshold"], 7);
    // What an update leaves out of the block stays; the two switches are required.
    let update = json!({"service": "web", "deploymentConfiguration": {BREAKER: {"enable": false, "rollback": true}}});
    let updated = api.ok("UpdateService", update).await;
    let shown = &updated["service"]["deploymentConfiguration"][BREAKER];
    assert_eq!(
        (&shown["enable"], &shown["rollback"], &shown["thresholdConfiguration"]),
        (&json!(false), &json!(true), &threshold)
    );
}
