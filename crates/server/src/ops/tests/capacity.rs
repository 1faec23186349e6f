//! Capacity providers over several calls: the objects, their clusters, and the strategies that use them.

use super::{Api, instance, web};
use serde_json::{Value, json};

const INVALID: &str = "InvalidParameterException";
const NOT_ASSOCIATED: &str = "not associated with the cluster";

impl Api {
    /// A cluster `default` with definition `web:1`, providers `racks` and `spot`, and instances of each.
    async fn with_providers(racks: usize, spot: usize) -> Self {
        let api = Api::empty().await;
        api.ok("RegisterTaskDefinition", web()).await;
        api.ok("CreateCluster", json!({})).await;
        for (name, count) in [("racks", racks), ("spot", spot)] {
            api.ok("CreateCapacityProvider", provider(name)).await;
            for _ in 0..count {
                api.ok("RegisterContainerInstance", instance_of(name)).await;
            }
        }
        api.associate(json!(["racks", "spot"]), json!([])).await;
        api
    }

    async fn associate(&self, providers: Value, strategy: Value) -> Value {
        let request = association(providers, strategy);
        self.ok("PutClusterCapacityProviders", request).await["cluster"].take()
    }

    /// Names of the providers of the live tasks, sorted.
    async fn providers_of(&self, service: &str) -> Vec<String> {
        let tasks = self.ok("ListTasks", json!({"serviceName": service})).await["taskArns"].clone();
        if tasks == json!([]) {
            return Vec::new();
        }
        let described = self.ok("DescribeTasks", json!({"tasks": tasks})).await;
        let name = |task: &Value| task["capacityProviderName"].as_str().unwrap_or("-").to_owned();
        let mut names: Vec<String> = described["tasks"].as_array().unwrap().iter().map(name).collect();
        names.sort();
        names
    }

    /// Every live task of a service is RUNNING, and so no longer free to go without a word from its node.
    async fn started(&self, service: &str) {
        let tasks = self.ok("ListTasks", json!({"serviceName": service})).await;
        for task in tasks["taskArns"].as_array().unwrap() {
            self.ok("SubmitTaskStateChange", json!({"task": task, "status": "RUNNING"})).await;
        }
    }

    async fn names(&self, request: Value) -> Vec<Value> {
        let rows = self.pages("DescribeCapacityProviders", request, "capacityProviders", 2).await;
        rows.iter().map(|row| row["name"].clone()).collect()
    }
}

fn provider(name: &str) -> Value {
    json!({"name": name, "autoScalingGroupProvider": {"autoScalingGroupArn": format!("arn:aws:autoscaling:::{name}")}})
}

fn association(providers: Value, strategy: Value) -> Value {
    json!({"cluster": "default", "capacityProviders": providers, "defaultCapacityProviderStrategy": strategy})
}

fn instance_of(provider: &str) -> Value {
    let mut request = instance();
    let attribute = json!({"name": "plimsoll.capacity-provider", "value": provider});
    request["attributes"].as_array_mut().unwrap().push(attribute);
    request
}

fn item(provider: &str, weight: u32, base: u32) -> Value {
    json!({"capacityProvider": provider, "weight": weight, "base": base})
}

fn service(desired: u32, members: Value) -> Value {
    let mut request = json!({"serviceName": "front", "taskDefinition": "web", "desiredCount": desired});
    for (name, value) in members.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

#[tokio::test]
async fn svc_57_providers_come_change_and_go() {
    let api = Api::empty().await;
    let mut request = provider("racks");
    request["tags"] = json!([{"key": "team", "value": "a"}]);
    let created = api.ok("CreateCapacityProvider", request.clone()).await["capacityProvider"].clone();
    let arn = "arn:aws:ecs:eu-west-1:123456789012:capacity-provider/racks";
    assert_eq!((&created["capacityProviderArn"], &created["status"]), (&json!(arn), &json!("ACTIVE")), "{created}");
    let scaling = json!({
        "status": "DISABLED", "targetCapacity": 100, "minimumScalingStepSize": 1, "maximumScalingStepSize": 10_000,
        "instanceWarmupPeriod": 300,
    });
    assert_eq!(created["autoScalingGroupProvider"]["managedScaling"], scaling);
    assert_eq!(api.refused("CreateCapacityProvider", request).await.code, "ClientException");

    let update = json!({"name": arn, "autoScalingGroupProvider": {"managedScaling": {"targetCapacity": 80}}});
    let updated = api.ok("UpdateCapacityProvider", update).await["capacityProvider"].clone();
    assert_eq!(updated["updateStatus"], "UPDATE_COMPLETE");
    let group = &updated["autoScalingGroupProvider"];
    assert_eq!(group["managedScaling"]["targetCapacity"], 80);
    assert_eq!(group["managedScaling"]["maximumScalingStepSize"], 10_000);
    assert_eq!(group["autoScalingGroupArn"], "arn:aws:autoscaling:::racks");

    let described = json!({"capacityProviders": ["nothing", arn, "racks"], "include": ["TAGS"]});
    let described = api.ok("DescribeCapacityProviders", described).await;
    assert_eq!(described["capacityProviders"], json!([updated]));
    let missing = json!([{"arn": "arn:aws:ecs:eu-west-1:123456789012:capacity-provider/nothing", "reason": "MISSING"}]);
    assert_eq!(described["failures"], missing);
    assert_eq!(api.names(json!({})).await, ["FARGATE", "FARGATE_SPOT", "racks"]);
    let tagless = api.ok("DescribeCapacityProviders", json!({"capacityProviders": ["racks"]})).await;
    assert_eq!(tagless["capacityProviders"][0]["tags"], json!([]));

    let deleted = api.ok("DeleteCapacityProvider", json!({"capacityProvider": "racks"})).await;
    assert_eq!(deleted["capacityProvider"]["status"], "INACTIVE");
    assert_eq!(api.names(json!({})).await, ["FARGATE", "FARGATE_SPOT"]);
    for operation in ["DeleteCapacityProvider", "UpdateCapacityProvider"] {
        for name in ["racks", "FARGATE", "FARGATE_SPOT"] {
            let request = json!({"capacityProvider": name, "name": name, "autoScalingGroupProvider": {}});
            assert_eq!(api.refused(operation, request).await.code, "ClientException", "{operation} {name}");
        }
    }
}

#[tokio::test]
async fn svc_55_svc_57_refusals() {
    let api = Api::with_providers(1, 1).await;
    let named = |name: &str| provider(name);
    let managed = json!({"name": "p", "managedInstancesProvider": {
        "infrastructureRoleArn": "r", "instanceLaunchTemplate": {
            "ec2InstanceProfileArn": "p", "networkConfiguration": {"subnets": ["s"]}},
    }});
    let strategy = |items: Value| service(1, json!({"capacityProviderStrategy": items}));
    let many: Vec<Value> = (0..21).map(|at| item(&format!("p{at}"), 1, 0)).collect();
    for (operation, request, code, text) in [
        ("CreateCapacityProvider", named("aws-racks"), INVALID, "cannot be prefixed"),
        ("CreateCapacityProvider", named("Fargate2"), INVALID, "cannot be prefixed"),
        ("CreateCapacityProvider", named("a b"), INVALID, "name"),
        ("CreateCapacityProvider", json!({"name": "p"}), INVALID, "needs an autoScalingGroupProvider"),
        ("CreateCapacityProvider", managed, "UnsupportedFeatureException", "managedInstancesProvider"),
        ("DescribeCapacityProviders", json!({"cluster": "nowhere"}), "ClusterNotFoundException", "Cluster not found."),
        ("DescribeCapacityProviders", json!({"maxResults": 11}), INVALID, "maxResults"),
        (
            "PutClusterCapacityProviders",
            json!({"cluster": "default", "capacityProviders": []}),
            INVALID,
            "Default Capacity Provider Strategy cannot be empty",
        ),
        ("PutClusterCapacityProviders", association(json!(["new"]), json!([])), INVALID, "'new' was not found"),
        (
            "PutClusterCapacityProviders",
            association(json!(["racks"]), json!([item("spot", 1, 0)])),
            INVALID,
            NOT_ASSOCIATED,
        ),
        ("CreateService", strategy(json!([item("FARGATE", 1, 0)])), INVALID, NOT_ASSOCIATED),
        ("CreateService", strategy(json!([item("racks", 1, 1), item("spot", 1, 1)])), INVALID, "can have a base"),
        (
            "CreateService",
            strategy(json!([item("racks", 0, 0), item("spot", 0, 1)])),
            INVALID,
            "a weight greater than 0",
        ),
        ("CreateService", strategy(json!([item("racks", 0, 0)])), INVALID, "a weight greater than 0"),
        ("CreateService", strategy(json!([item("racks", 1, 0), item("racks", 2, 0)])), INVALID, "only once"),
        ("CreateService", strategy(json!([item("racks", 1_001, 0)])), INVALID, "weight"),
        ("CreateService", strategy(json!([item("racks", 1, 100_001)])), INVALID, "base"),
        ("CreateService", strategy(json!(many)), INVALID, "capacityProviderStrategy"),
        (
            "CreateService",
            service(1, json!({"launchType": "EC2", "capacityProviderStrategy": [item("racks", 1, 0)]})),
            INVALID,
            "both a launch type",
        ),
        (
            "RunTask",
            json!({"taskDefinition": "web", "capacityProviderStrategy": [item("new", 1, 0)]}),
            INVALID,
            NOT_ASSOCIATED,
        ),
    ] {
        let error = api.refused(operation, request.clone()).await;
        assert_eq!(error.code, code, "{operation} {request}: {error}");
        assert!(error.message.contains(text), "{operation} {request}: {error}");
    }
}

#[tokio::test]
async fn cl_8_cl_11_a_cluster_keeps_what_it_uses() {
    let api = Api::with_providers(1, 1).await;
    let default = json!([item("spot", 1, 0)]);
    let cluster = api.associate(json!(["spot", "racks", "FARGATE"]), default.clone()).await;
    assert_eq!(cluster["capacityProviders"], json!(["spot", "racks", "FARGATE"]));
    assert_eq!(cluster["defaultCapacityProviderStrategy"], default);
    let described = api.ok("DescribeClusters", json!({})).await;
    assert_eq!(described["clusters"][0]["capacityProviders"], cluster["capacityProviders"]);
    assert_eq!(described["clusters"][0]["defaultCapacityProviderStrategy"], default);
    assert_eq!(api.names(json!({"cluster": "default"})).await, ["FARGATE", "racks", "spot"]);

    let delete = json!({"capacityProvider": "spot"});
    let error = api.refused("DeleteCapacityProvider", delete.clone()).await;
    assert!(error.message.contains("associated with cluster: default"), "{error}");
    api.ok("CreateService", service(1, json!({}))).await;
    api.started("front").await;
    let none = association(json!([]), json!([]));
    let error = api.refused("PutClusterCapacityProviders", none.clone()).await;
    assert_eq!(error.code, "ResourceInUseException", "{error}");
    api.ok("DeleteService", json!({"service": "front", "force": true})).await;
    assert_eq!(api.refused("PutClusterCapacityProviders", none.clone()).await.code, "ResourceInUseException");
    let tasks = api.ok("ListTasks", json!({"desiredStatus": "STOPPED"})).await;
    let stopped = json!({"task": tasks["taskArns"][0], "status": "STOPPED"});
    api.ok("SubmitTaskStateChange", stopped).await;
    api.ok("PutClusterCapacityProviders", none).await;
    api.ok("DeleteCapacityProvider", delete).await;

    // A cluster may begin with its providers, and lets go of them when it is deleted.
    let blue = json!({
        "clusterName": "blue", "capacityProviders": ["racks", "FARGATE_SPOT"],
        "defaultCapacityProviderStrategy": [item("racks", 2, 1)],
    });
    let created = api.ok("CreateCluster", blue).await;
    assert_eq!(created["cluster"]["capacityProviders"], json!(["racks", "FARGATE_SPOT"]));
    let delete = json!({"capacityProvider": "racks"});
    let error = api.refused("DeleteCapacityProvider", delete.clone()).await;
    assert!(error.message.contains("associated with cluster: blue"), "{error}");
    api.ok("DeleteCluster", json!({"cluster": "blue"})).await;
    api.ok("DeleteCapacityProvider", delete).await;
}

#[tokio::test]
async fn svc_56_services_and_tasks_are_shared_out() {
    let api = Api::with_providers(2, 2).await;
    let strategy = json!([item("racks", 1, 2), item("spot", 3, 0)]);
    let created = api.ok("CreateService", service(6, json!({"capacityProviderStrategy": strategy}))).await;
    let shown = &created["service"];
    for part in [shown, &shown["deployments"][0]] {
        assert_eq!(part["capacityProviderStrategy"], strategy, "{part}");
        assert!(part.get("launchType").is_none(), "{part}");
    }
    assert_eq!(api.providers_of("front").await, ["racks", "racks", "racks", "spot", "spot", "spot"]);
    assert_eq!(api.ok("ListServices", json!({"launchType": "EC2"})).await["serviceArns"], json!([]));
    let instances = json!({"containerInstances": api.instances().await});
    let instances = api.ok("DescribeContainerInstances", instances).await;
    let named = |one: &&Value| one["capacityProviderName"] == "racks";
    assert_eq!(instances["containerInstances"].as_array().unwrap().iter().filter(named).count(), 2, "{instances}");

    api.ok("UpdateService", json!({"service": "front", "desiredCount": 3})).await;
    assert_eq!(api.providers_of("front").await, ["racks", "racks", "racks"]);
    api.started("front").await;

    // SVC-13: another strategy is another deployment, and has to be asked for as one.
    let other = json!({"service": "front", "capacityProviderStrategy": [item("spot", 1, 0)]});
    let error = api.refused("UpdateService", other.clone()).await;
    assert!(error.message.contains("you must force a new deployment"), "{error}");
    let mut forced = other;
    forced["forceNewDeployment"] = json!(true);
    let updated = api.ok("UpdateService", forced).await;
    let deployments = updated["service"]["deployments"].as_array().unwrap();
    assert_eq!(deployments[0]["capacityProviderStrategy"], json!([item("spot", 1, 0)]));
    assert_eq!(deployments[1]["capacityProviderStrategy"], strategy);
    let back = json!({"service": "front", "capacityProviderStrategy": [], "forceNewDeployment": true});
    let back = api.ok("UpdateService", back).await;
    assert_eq!(back["service"]["launchType"], "EC2");
    assert!(back["service"].get("capacityProviderStrategy").is_none());
}

#[tokio::test]
async fn run_2_run_7_tasks_by_the_clusters_default_strategy() {
    let api = Api::with_providers(1, 0).await;
    api.associate(json!(["racks", "spot"]), json!([item("racks", 1, 1), item("spot", 1, 0)])).await;
    let run = |count: u32, members: Value| {
        let mut request = json!({"taskDefinition": "web", "count": count});
        request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        request
    };
    let started = api.run(run(2, json!({}))).await;
    let names: Vec<&Value> =
        started["tasks"].as_array().unwrap().iter().map(|task| &task["capacityProviderName"]).collect();
    assert_eq!(names, [&json!("racks"), &json!("racks")], "{started}");
    // The third would be the first of spot, where nothing is registered; nothing is started then.
    let error = api.refused("RunTask", run(3, json!({}))).await;
    assert_eq!(error.message, "No Container Instances were found in your capacity provider.");
    let by_type = api.run(run(1, json!({"launchType": "EC2"}))).await;
    assert!(by_type["tasks"][0].get("capacityProviderName").is_none(), "{by_type}");

    // EV-3
    api.ok("CreateService", service(1, json!({"capacityProviderStrategy": [item("spot", 1, 0)]}))).await;
    let described = api.ok("DescribeServices", json!({"services": ["front"]})).await;
    let message = described["services"][0]["events"][0]["message"].as_str().unwrap().to_owned();
    assert!(message.ends_with("Reason: No Container Instances were found in your capacity provider."), "{message}");
    // An attribute set later makes an instance one of the provider's.
    let attribute = json!({
        "name": "plimsoll.capacity-provider", "value": "spot", "targetType": "container-instance",
        "targetId": api.instances().await[0],
    });
    api.ok("PutAttributes", json!({"attributes": [attribute]})).await;
    assert_eq!(api.providers_of("front").await, ["spot"]);
}

/// A provider that is scaled, and one that is not; no instance of either.
async fn with_scaled_provider() -> Api {
    let api = Api::with_providers(0, 0).await;
    let group = json!({"autoScalingGroupProvider": {"managedScaling": {"status": "ENABLED"}}, "name": "racks"});
    api.ok("UpdateCapacityProvider", group).await;
    api
}

fn run_on(provider: &str, count: u32) -> Value {
    json!({"taskDefinition": "web", "count": count, "capacityProviderStrategy": [item(provider, 1, 0)]})
}

async fn described(api: &Api, task: &Value) -> Value {
    api.ok("DescribeTasks", json!({"tasks": [task["taskArn"]]})).await["tasks"][0].take()
}

#[tokio::test]
async fn run_12_what_finds_no_instance_of_a_scaled_provider_waits_for_one() {
    let api = with_scaled_provider().await;
    let mut request = run_on("racks", 2);
    request["overrides"] = json!({"cpu": "512", "memory": "256"});
    request["placementConstraints"] = json!([{"type": "distinctInstance"}]);
    request["clientToken"] = json!("once");
    let answer = api.run(request.clone()).await;
    assert_eq!(answer["failures"], json!([]), "{answer}");
    let tasks = answer["tasks"].as_array().unwrap();
    assert_eq!(tasks.len(), 2);
    for shown in [tasks[0].clone(), described(&api, &tasks[0]).await] {
        assert_eq!((&shown["lastStatus"], &shown["desiredStatus"]), (&json!("PROVISIONING"), &json!("RUNNING")));
        assert_eq!((&shown["capacityProviderName"], &shown["launchType"]), (&json!("racks"), &json!("EC2")));
        assert_eq!((&shown["cpu"], &shown["memory"]), (&json!("512"), &json!("256")), "what it asks for");
        assert_eq!(shown["containers"][0]["lastStatus"], "PENDING");
        for absent in ["containerInstanceArn", "availabilityZone", "stopCode", "startedAt"] {
            assert!(shown.get(absent).is_none(), "{absent} of {shown}");
        }
    }
    // I-25, CL-6
    assert_eq!(texts_of(&api.run(request).await["tasks"]), texts_of(&answer["tasks"]));
    let listed = api.ok("ListTasks", json!({"family": "web"})).await;
    assert_eq!(listed["taskArns"].as_array().unwrap().len(), 2);
    let cluster = api.ok("DescribeClusters", json!({})).await["clusters"][0].take();
    assert_eq!((&cluster["pendingTasksCount"], &cluster["runningTasksCount"]), (&json!(2), &json!(0)));
    // Of a provider that is not scaled there is nothing to wait for (RUN-7).
    let error = api.refused("RunTask", run_on("spot", 1)).await;
    assert_eq!(error.message, "No Container Instances were found in your capacity provider.");
    // CL-8, CL-11
    assert_eq!(api.refused("DeleteCluster", json!({"cluster": "default"})).await.code, "ClusterContainsTasksException");
    assert_eq!(
        api.refused("PutClusterCapacityProviders", association(json!([]), json!([]))).await.code,
        "ResourceInUseException"
    );

    // An instance of another provider is none of theirs; each of their own takes one.
    api.ok("RegisterContainerInstance", instance_of("spot")).await;
    let first = api.ok("RegisterContainerInstance", instance_of("racks")).await;
    let first = first["containerInstance"]["containerInstanceArn"].clone();
    let shown = described(&api, &tasks[0]).await;
    let other = described(&api, &tasks[1]).await;
    let (placed, waits) = if shown["lastStatus"] == "PENDING" { (&shown, &other) } else { (&other, &shown) };
    assert_eq!((&placed["containerInstanceArn"], &placed["lastStatus"]), (&first, &json!("PENDING")));
    assert_eq!((&placed["availabilityZone"], &placed["cpu"]), (&json!("eu-west-1a"), &json!("512")));
    assert_eq!(waits["lastStatus"], "PROVISIONING");
    let on_it = api.ok("ListTasks", json!({"containerInstance": first})).await;
    assert_eq!(on_it["taskArns"], json!([placed["taskArn"]]));
    let instance = api.ok("DescribeContainerInstances", json!({"containerInstances": [first]})).await;
    assert_eq!(instance["containerInstances"][0]["pendingTasksCount"], 1);

    // RUN-13: no node is asked about one that waits.
    let stopped = api.ok("StopTask", json!({"task": waits["taskArn"], "reason": "enough"})).await["task"].take();
    assert_eq!((&stopped["lastStatus"], &stopped["stopCode"]), (&json!("STOPPED"), &json!("UserInitiated")));
    assert_eq!(stopped["stoppedReason"], "enough");
    assert!(stopped.get("containerInstanceArn").is_none() && stopped.get("stoppedAt").is_some(), "{stopped}");
}

#[tokio::test]
async fn run_12_a_cluster_has_300_provisioning_tasks_at_most() {
    let api = with_scaled_provider().await;
    // By the cluster's default strategy, too.
    api.associate(json!(["racks"]), json!([item("racks", 1, 0)])).await;
    for _ in 0..29 {
        api.run(json!({"taskDefinition": "web", "count": 10})).await;
    }
    api.run(json!({"taskDefinition": "web", "count": 9})).await;
    let error = api.refused("RunTask", run_on("racks", 2)).await;
    assert_eq!(error.code, "ClientException");
    assert!(error.message.contains("301 tasks") && error.message.contains("the limit is 300"), "{error}");
    api.run(run_on("racks", 1)).await;
    let cluster = api.ok("DescribeClusters", json!({})).await["clusters"][0].take();
    assert_eq!(cluster["pendingTasksCount"], 300);
}

fn texts_of(tasks: &Value) -> Vec<&str> {
    tasks.as_array().unwrap().iter().map(|task| task["taskArn"].as_str().unwrap()).collect()
}
