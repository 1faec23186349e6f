//! Tags on what exists already, account settings, cluster settings and the deletion of task definitions.

use super::Api;
use plimsoll_ecs_api::code;
use serde_json::{Value, json};

async fn tags_of(api: &Api, arn: &Value) -> Value {
    api.ok("ListTagsForResource", json!({"resourceArn": arn})).await["tags"].clone()
}

/// TAG-2: every kind of object that has tags.
#[tokio::test]
async fn tag2_everything_that_has_tags_can_be_tagged() {
    let api = Api::with_instances(1).await;
    let service = json!({"serviceName": "front", "taskDefinition": "web", "desiredCount": 0});
    let service = api.ok("CreateService", service).await["service"]["serviceArn"].clone();
    let task = api.run(json!({"taskDefinition": "web"})).await["tasks"][0]["taskArn"].clone();
    let cluster = api.ok("DescribeClusters", json!({})).await["clusters"][0]["clusterArn"].clone();
    let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1";
    let group = json!({"autoScalingGroupArn": "arn:aws:autoscaling:eu-west-1:123456789012:autoScalingGroup:a:autoScalingGroupName/a"});
    let provider = api.ok("CreateCapacityProvider", json!({"name": "own", "autoScalingGroupProvider": group})).await;
    let provider = provider["capacityProvider"]["capacityProviderArn"].clone();
    for arn in [provider, cluster, service, task, json!(api.instances().await[0]), json!(definition)] {
        assert_eq!(tags_of(&api, &arn).await, json!([]), "{arn}");
        let tags = json!([{"key": "b", "value": "1"}, {"key": "a", "value": "2"}]);
        assert_eq!(api.ok("TagResource", json!({"resourceArn": arn, "tags": tags})).await, json!({}));
        api.ok("TagResource", json!({"resourceArn": arn, "tags": [{"key": "b", "value": "3"}]})).await;
        let merged = json!([{"key": "a", "value": "2"}, {"key": "b", "value": "3"}]);
        assert_eq!(tags_of(&api, &arn).await, merged, "{arn}");
        assert_eq!(api.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a", "z"]})).await, json!({}));
        assert_eq!(tags_of(&api, &arn).await, json!([{"key": "b", "value": "3"}]), "{arn}");
        let many: Vec<Value> = (0..50).map(|n| json!({"key": format!("k{n}")})).collect();
        let refused = api.refused("TagResource", json!({"resourceArn": arn, "tags": many})).await;
        assert_eq!(refused.code, code::LIMIT_EXCEEDED, "{arn}: {refused}");
    }
    let described = api.ok("DescribeTaskDefinition", json!({"taskDefinition": "web", "include": ["TAGS"]})).await;
    assert_eq!(described["tags"], json!([{"key": "b", "value": "3"}]));
}

#[tokio::test]
async fn tag2_what_is_not_there_or_has_no_tags_is_refused() {
    let api = Api::with_instances(1).await;
    let arn = |rest: &str| format!("arn:aws:ecs:eu-west-1:123456789012:{rest}");
    let id = "0123456789abcdef0123456789abcdef";
    for (named, of_tag, of_list) in [
        ("nonsense".to_owned(), code::INVALID_PARAMETER, code::INVALID_PARAMETER),
        (arn("service/front"), code::INVALID_PARAMETER, code::INVALID_PARAMETER),
        (arn(&format!("container/default/{id}/{id}")), code::INVALID_PARAMETER, code::INVALID_PARAMETER),
        (arn("cluster/nowhere"), code::CLUSTER_NOT_FOUND, code::CLUSTER_NOT_FOUND),
        (arn("service/default/front"), code::RESOURCE_NOT_FOUND, code::INVALID_PARAMETER),
        (arn(&format!("task/default/{id}")), code::RESOURCE_NOT_FOUND, code::INVALID_PARAMETER),
        (arn(&format!("container-instance/default/{id}")), code::RESOURCE_NOT_FOUND, code::INVALID_PARAMETER),
        (arn("task-definition/web:9"), code::RESOURCE_NOT_FOUND, code::INVALID_PARAMETER),
        (arn("capacity-provider/none"), code::RESOURCE_NOT_FOUND, code::INVALID_PARAMETER),
    ] {
        let tags = json!([{"key": "a", "value": "1"}]);
        let tagged = api.refused("TagResource", json!({"resourceArn": named, "tags": tags})).await;
        assert_eq!(tagged.code, of_tag, "{named}: {tagged}");
        let untagged = api.refused("UntagResource", json!({"resourceArn": named, "tagKeys": ["a"]})).await;
        assert_eq!(untagged.code, of_tag, "{named}: {untagged}");
        let listed = api.refused("ListTagsForResource", json!({"resourceArn": named})).await;
        assert_eq!(listed.code, of_list, "{named}: {listed}");
    }
    api.ok("CreateCluster", json!({"clusterName": "gone"})).await;
    api.ok("DeleteCluster", json!({"cluster": "gone"})).await;
    let listed = api.refused("ListTagsForResource", json!({"resourceArn": arn("cluster/gone")})).await;
    assert_eq!(listed.code, code::INVALID_PARAMETER);
    assert!(listed.message.contains("cluster is inactive"), "{listed}");
}

/// TAG-3.
#[tokio::test]
async fn tag3_stopping_a_task_deletes_its_tags() {
    let api = Api::with_instances(1).await;
    let run = json!({"taskDefinition": "web", "tags": [{"key": "a", "value": "1"}]});
    let task = api.run(run).await["tasks"][0]["taskArn"].clone();
    assert_eq!(tags_of(&api, &task).await, json!([{"key": "a", "value": "1"}]));
    let stopped = api.ok("StopTask", json!({"task": task})).await;
    assert_eq!(stopped["task"]["tags"], json!([]));
    assert_eq!(tags_of(&api, &task).await, json!([]));
}

/// TAG-4: tasks of a service inherit the tags its definition has when they start.
#[tokio::test]
async fn tag4_tags_of_a_definition_in_use_are_inherited_from_then_on() {
    let api = Api::with_instances(2).await;
    let service =
        json!({"serviceName": "front", "taskDefinition": "web", "desiredCount": 1, "propagateTags": "TASK_DEFINITION"});
    api.ok("CreateService", service).await;
    let definition = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:1";
    api.ok("TagResource", json!({"resourceArn": definition, "tags": [{"key": "a", "value": "1"}]})).await;
    api.ok("UpdateService", json!({"service": "front", "desiredCount": 2})).await;
    // The second task is placed in the batch after the one that answered.
    let tagged = async || {
        let tasks = api.ok("ListTasks", json!({})).await["taskArns"].clone();
        let described = api.ok("DescribeTasks", json!({"tasks": tasks, "include": ["TAGS"]})).await;
        let tags: Vec<Value> = described["tasks"].as_array().unwrap().iter().map(|task| task["tags"].clone()).collect();
        tags
    };
    let mut found = tagged().await;
    while found.len() < 2 {
        tokio::task::yield_now().await;
        found = tagged().await;
    }
    assert!(found.contains(&json!([])) && found.contains(&json!([{"key": "a", "value": "1"}])), "{found:?}");
}

/// ACC-1, ACC-2.
#[tokio::test]
async fn acc2_settings_resolve_from_the_caller_to_the_account_to_the_default() {
    let api = Api::empty().await;
    let list = async |body: Value| api.ok("ListAccountSettings", body).await["settings"].clone();
    let insights = json!({"name": "containerInsights", "effectiveSettings": true});
    assert_eq!(list(json!({})).await, json!([]));
    assert_eq!(list(insights.clone()).await[0]["value"], "disabled");
    let put = json!({"name": "containerInsights", "value": "enabled"});
    let set = api.ok("PutAccountSettingDefault", put.clone()).await["setting"].clone();
    let root = "arn:aws:iam::123456789012:root";
    assert_eq!(set, json!({"name": "containerInsights", "value": "enabled", "principalArn": root, "type": "user"}));
    assert_eq!(list(json!({})).await, json!([]));
    assert_eq!(list(insights.clone()).await[0]["value"], "enabled");
    api.ok("PutAccountSetting", json!({"name": "containerInsights", "value": "enhanced"})).await;
    assert_eq!(list(insights.clone()).await[0]["value"], "enhanced");
    assert_eq!(list(json!({})).await.as_array().unwrap().len(), 1);
    assert_eq!(list(json!({"name": "containerInsights", "value": "enabled"})).await, json!([]));
    // CL-9: a cluster that says nothing takes what holds for its creator.
    let created = api.ok("CreateCluster", json!({"clusterName": "a"})).await;
    assert_eq!(created["cluster"]["settings"], json!([{"name": "containerInsights", "value": "enhanced"}]));
    let own = json!({"clusterName": "b", "settings": [{"name": "containerInsights", "value": "disabled"}]});
    assert_eq!(api.ok("CreateCluster", own).await["cluster"]["settings"][0]["value"], "disabled");
    let deleted = api.ok("DeleteAccountSetting", json!({"name": "containerInsights"})).await;
    assert_eq!(deleted["setting"]["value"], "enhanced");
    assert_eq!(list(insights).await[0]["value"], "enabled");
    let again = api.refused("DeleteAccountSetting", json!({"name": "containerInsights"})).await;
    assert_eq!(again.code, code::INVALID_PARAMETER);
    let all = api.pages("ListAccountSettings", json!({"effectiveSettings": true}), "settings", 4).await;
    assert_eq!(all.len(), 11);
}

#[tokio::test]
async fn acc1_names_and_values_are_checked() {
    let api = Api::empty().await;
    for (operation, body) in [
        ("PutAccountSetting", json!({"name": "nonsense", "value": "enabled"})),
        ("PutAccountSetting", json!({"name": "containerInsights", "value": "on"})),
        ("PutAccountSetting", json!({"name": "taskLongArnFormat", "value": "disabled"})),
        ("PutAccountSetting", json!({"name": "guardDutyActivate", "value": "on"})),
        ("PutAccountSetting", json!({"name": "fargateTaskRetirementWaitPeriod", "value": "8"})),
        (
            "PutAccountSetting",
            json!({"name": "containerInsights", "value": "enabled", "principalArn": "arn:aws:iam::1:root"}),
        ),
        ("PutAccountSettingDefault", json!({"name": "containerInsights"})),
        ("ListAccountSettings", json!({"value": "enabled"})),
        ("ListAccountSettings", json!({"maxResults": 11})),
    ] {
        assert_eq!(api.refused(operation, body.clone()).await.code, code::INVALID_PARAMETER, "{operation} {body}");
    }
}

/// CL-9.
#[tokio::test]
async fn cl9_updates_of_a_cluster_leave_what_they_do_not_name() {
    let api = Api::with_instances(0).await;
    let configuration = json!({"executeCommandConfiguration": {"logging": "NONE"}});
    let insights = |value: &str| json!([{"name": "containerInsights", "value": value}]);
    api.ok("UpdateCluster", json!({"cluster": "default", "configuration": configuration})).await;
    let update = json!({"cluster": "default", "settings": insights("enabled")});
    let updated = api.ok("UpdateClusterSettings", update).await;
    assert_eq!(updated["cluster"]["settings"], insights("enabled"));
    let described = json!({"include": ["SETTINGS", "CONFIGURATIONS"]});
    let shown = api.ok("DescribeClusters", described).await["clusters"][0].clone();
    assert_eq!(shown["settings"], insights("enabled"));
    assert_eq!(shown["configuration"]["executeCommandConfiguration"]["logging"], "NONE");
    for body in [
        json!({"cluster": "default", "settings": insights("on")}),
        json!({"cluster": "default", "settings": [insights("enabled")[0], insights("disabled")[0]]}),
        json!({"cluster": "default", "settings": []}),
    ] {
        assert_eq!(api.refused("UpdateClusterSettings", body.clone()).await.code, code::INVALID_PARAMETER, "{body}");
    }
    let missing = api.refused("UpdateCluster", json!({"cluster": "nowhere"})).await;
    assert_eq!(missing.code, code::CLUSTER_NOT_FOUND);
}

/// TD-80.
#[tokio::test]
async fn td80_inactive_definitions_are_deleted_when_nothing_uses_them() {
    let api = Api::with_instances(1).await;
    api.ok("RegisterTaskDefinition", super::web()).await;
    api.ok("RegisterTaskDefinition", super::web()).await;
    api.run(json!({"taskDefinition": "web:1"})).await;
    for revision in ["web:1", "web:2"] {
        api.ok("DeregisterTaskDefinition", json!({"taskDefinition": revision})).await;
    }
    let named = ["web:1", "web:2", "web:3", "web:4", "web:2"];
    let deleted = api.ok("DeleteTaskDefinitions", json!({"taskDefinitions": named})).await;
    let shown = deleted["taskDefinitions"].as_array().unwrap();
    assert_eq!(shown.len(), 2);
    assert!(shown.iter().all(|one| one["status"] == "DELETE_IN_PROGRESS" && one["deleteRequestedAt"].is_number()));
    let reasons: Vec<&str> =
        deleted["failures"].as_array().unwrap().iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(matches!(reasons[..], [active, "MISSING"] if active.contains("ACTIVE status")), "{reasons:?}");
    let run = api.refused("RunTask", json!({"taskDefinition": "web:2"})).await;
    assert!(run.message.contains("inactive"), "{run}");
    let soon = plimsoll_model::Timestamp::from_millis(api.context.now.as_millis() + 60_000);
    assert_eq!(api.context.control.definitions().delete_unused(soon).await.unwrap(), 1);
    let gone = api.refused("DescribeTaskDefinition", json!({"taskDefinition": "web:2"})).await;
    assert_eq!(gone.code, code::CLIENT);
    api.ok("DescribeTaskDefinition", json!({"taskDefinition": "web:1"})).await;
    let family = api.refused("DeleteTaskDefinitions", json!({"taskDefinitions": ["web"]})).await;
    assert_eq!((family.code, &*family.message), (code::CLIENT, "Revision is missing."));
}

/// OP-2, OP-5.
#[tokio::test]
async fn op5_attachments_are_acknowledged_and_namespaces_are_not_found() {
    let api = Api::with_instances(0).await;
    let change = |status: &str| json!({"attachments": [{"attachmentArn": "arn:x", "status": status}]});
    assert_eq!(api.ok("SubmitAttachmentStateChanges", change("ATTACHED")).await["acknowledgment"], "ACK");
    let odd = api.refused("SubmitAttachmentStateChanges", change("LOST")).await;
    assert_eq!(odd.code, code::INVALID_PARAMETER);
    let listed = api.refused("ListServicesByNamespace", json!({"namespace": "internal"})).await;
    assert_eq!(listed.code, code::NAMESPACE_NOT_FOUND);
}
