//! Every member of a task definition is honoured here, keeps the task away, or is on this list with the reason why it
//! changes nothing on a node (TD-72).

use super::{docker, process};
use plimsoll_core::node::{ContainerRef, LaunchSpec};
use plimsoll_core::task_definition::prepare;
use plimsoll_ecs_api::{OPERATIONS, Shape};
use plimsoll_model::{Family, TaskDefinition, TaskDefinitionId, TaskId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What becomes of a member on a node of one kind.
enum On {
    /// It is in what the engine or the shim is told: another value, another order.
    Order,
    /// It has its effect at another place, which has tests of its own.
    By(&'static str),
    /// The definition requires this attribute, which such a node does not register.
    KeptAway(&'static str),
    /// It changes nothing on a node.
    Nothing(&'static str),
}
use On::{By, KeptAway, Nothing, Order};

const ENGINE: On = KeptAway("com.amazonaws.ecs.capability.docker-remote-api.1.17");
const NODE: On = By("NodeCore");
const SCHEDULER: On = By("placement");
const CGROUP: On = By("the container's cgroup");
const MESH: On = Nothing("names ports for service meshes, which nothing here configures");

/// A member by its path, an example of it, and what becomes of it on Docker and as a process.
type Row = (&'static str, Value, On, On);

fn container_rows() -> Vec<Row> {
    vec![
        ("command", json!(["x"]), Order, Order),
        ("cpu", json!(512), Order, CGROUP),
        kept_away("credentialSpecs", json!(["credentialspec:x"]), "ecs.capability.gmsa"),
        ("dependsOn", json!([{"containerName": "b", "condition": "START"}]), NODE, NODE),
        ("disableNetworking", json!(true), Order, ENGINE),
        ("dnsSearchDomains", json!(["x"]), Order, ENGINE),
        ("dnsServers", json!(["1.1.1.1"]), Order, ENGINE),
        ("dockerLabels", json!({"k": "v"}), Order, Order),
        ("dockerSecurityOptions", json!(["no-new-privileges"]), Order, ENGINE),
        ("entryPoint", json!(["x"]), Order, Order),
        ("environment", json!([{"name": "K", "value": "v"}]), Order, Order),
        kept_away(
            "environmentFiles",
            json!([{"type": "s3", "value": "arn:aws:s3:::b/a.env"}]),
            "ecs.capability.env-files.s3",
        ),
        ("essential", json!(false), NODE, NODE),
        ("extraHosts", json!([{"hostname": "h", "ipAddress": "1.1.1.1"}]), Order, ENGINE),
        kept_away("firelensConfiguration", json!({"type": "fluentbit"}), "ecs.capability.firelens.fluentbit"),
        ("healthCheck", json!({"command": ["CMD", "x"]}), Order, Order),
        ("healthCheck.interval", json!({"command": ["CMD", "x"], "interval": 7}), Order, Order),
        ("hostname", json!("h"), Order, ENGINE),
        (
            "image",
            json!("other"),
            Order,
            Nothing("there are no images; a start without entryPoint and command fails and says so"),
        ),
        ("interactive", json!(true), Order, ENGINE),
        ("links", json!(["b"]), Order, ENGINE),
        ("linuxParameters.capabilities", json!({"capabilities": {"add": ["SYS_PTRACE"]}}), Order, ENGINE),
        ("linuxParameters.devices", json!({"devices": [{"hostPath": "/dev/fuse"}]}), Order, ENGINE),
        ("linuxParameters.initProcessEnabled", json!({"initProcessEnabled": true}), Order, ENGINE),
        ("linuxParameters.maxSwap", json!({"maxSwap": 64}), Order, ENGINE),
        ("linuxParameters.sharedMemorySize", json!({"sharedMemorySize": 8}), Order, ENGINE),
        ("linuxParameters.swappiness", json!({"maxSwap": 64, "swappiness": 9}), Order, ENGINE),
        ("linuxParameters.tmpfs", json!({"tmpfs": [{"containerPath": "/t", "size": 8}]}), Order, ENGINE),
        (
            "logConfiguration.logDriver",
            json!({"logDriver": "json-file"}),
            Order,
            KeptAway("com.amazonaws.ecs.capability.logging-driver.json-file"),
        ),
        (
            "logConfiguration.options",
            json!({"logDriver": "json-file", "options": {"max-size": "1m"}}),
            Order,
            KeptAway("com.amazonaws.ecs.capability.logging-driver.json-file"),
        ),
        kept_away(
            "logConfiguration.secretOptions",
            json!({"logDriver": "splunk", "secretOptions": [{"name": "splunk-token", "valueFrom": "parameter"}]}),
            "ecs.capability.secrets.ssm.bootstrap.log-driver",
        ),
        ("memory", json!(128), Order, CGROUP),
        ("memoryReservation", json!(32), Order, CGROUP),
        ("mountPoints", json!([{"sourceVolume": "v", "containerPath": "/v"}]), Order, ENGINE),
        ("name", json!("c"), Order, Order),
        ("portMappings.appProtocol", json!([{"containerPort": 80, "name": "n", "appProtocol": "http"}]), MESH, MESH),
        ("portMappings.containerPort", json!([{"containerPort": 80}]), Order, Order),
        kept_away(
            "portMappings.containerPortRange",
            json!([{"containerPortRange": "80-90"}]),
            "ecs.capability.network.container-port-range",
        ),
        ("portMappings.hostPort", json!([{"containerPort": 80, "hostPort": 8080}]), Order, Order),
        ("portMappings.name", json!([{"containerPort": 80, "name": "n"}]), MESH, MESH),
        ("portMappings.protocol", json!([{"containerPort": 80, "protocol": "udp"}]), Order, Order),
        ("privileged", json!(true), Order, KeptAway("com.amazonaws.ecs.capability.privileged-container")),
        ("pseudoTerminal", json!(true), Order, ENGINE),
        ("readonlyRootFilesystem", json!(true), Order, ENGINE),
        kept_away(
            "repositoryCredentials",
            json!({"credentialsParameter": "arn:aws:secretsmanager:r:1:secret:x"}),
            "ecs.capability.private-registry-authentication.secretsmanager",
        ),
        kept_away("resourceRequirements", json!([{"type": "GPU", "value": "1"}]), "ecs.capability.gpu"),
        ("restartPolicy", json!({"enabled": true}), NODE, NODE),
        kept_away(
            "secrets",
            json!([{"name": "S", "valueFrom": "parameter"}]),
            "ecs.capability.secrets.ssm.environment-variables",
        ),
        ("startTimeout", json!(30), NODE, NODE),
        ("stopTimeout", json!(30), NODE, NODE),
        ("systemControls", json!([{"namespace": "net.ipv4.tcp_tw_reuse", "value": "1"}]), Order, ENGINE),
        ("ulimits", json!([{"name": "nofile", "softLimit": 9, "hardLimit": 9}]), Order, Order),
        ("user", json!("0:0"), Order, Order),
        (
            "versionConsistency",
            json!("disabled"),
            Nothing("digests are shown and not pinned: each start resolves the tag by itself"),
            Nothing("there are no images"),
        ),
        ("volumesFrom", json!([{"sourceContainer": "b"}]), Order, ENGINE),
        ("workingDirectory", json!("/tmp"), Order, Order),
    ]
}

fn task_rows() -> Vec<Row> {
    let docker_volume = |more: Value| {
        let mut configuration = json!({"scope": "shared", "autoprovision": true});
        if let (Value::Object(base), Value::Object(more)) = (&mut configuration, more) {
            base.extend(more);
        }
        json!([{"name": "v", "dockerVolumeConfiguration": configuration}])
    };
    let local = || KeptAway("ecs.capability.docker-plugin.local");
    let cloud_volume = |kind: &str, configuration: Value| {
        let mut volume = json!({"name": "v"});
        volume[kind] = configuration;
        json!([volume])
    };
    vec![
        ("containerDefinitions", json!([]), By("the rows of containers"), By("the rows of containers")),
        ("cpu", json!("512"), Order, CGROUP),
        kept_away("enableFaultInjection", json!(true), "ecs.capability.fault-injection"),
        ("ephemeralStorage", json!({"sizeInGiB": 30}), FARGATE_DISK, FARGATE_DISK),
        ("executionRoleArn", json!("arn:aws:iam::1:role/x"), ROLE_USES, ROLE_USES),
        ("family", json!("other"), Order, Order),
        kept_away(
            "inferenceAccelerators",
            json!([{"deviceName": "d", "deviceType": "eia1.medium"}]),
            "ecs.capability.task-eia",
        ),
        kept_away("ipcMode", json!("task"), "ecs.capability.pid-ipc-namespace-sharing"),
        ("memory", json!("512"), Order, CGROUP),
        ("networkMode", json!("none"), Order, ENGINE),
        kept_away("pidMode", json!("task"), "ecs.capability.pid-ipc-namespace-sharing"),
        (
            "placementConstraints",
            json!([{"type": "memberOf", "expression": "attribute:a exists"}]),
            SCHEDULER,
            SCHEDULER,
        ),
        kept_away("proxyConfiguration", json!({"containerName": "a", "type": "APPMESH"}), "ecs.capability.aws-appmesh"),
        ("requiresCompatibilities", json!(["EC2"]), SCHEDULER, SCHEDULER),
        ("runtimePlatform", json!({"cpuArchitecture": "ARM64"}), SCHEDULER, SCHEDULER),
        ("tags", json!([]), Nothing("belong to the definition's row"), Nothing("belong to the definition's row")),
        kept_away("taskRoleArn", json!("arn:aws:iam::1:role/x"), "com.amazonaws.ecs.capability.task-iam-role"),
        kept_away(
            "trustedExecutionConfiguration",
            json!({"isolationMode": "ISOLATED_SANDBOX"}),
            "ecs.capability.trusted-execution",
        ),
        kept_away(
            "volumes.configuredAtLaunch",
            cloud_volume("configuredAtLaunch", json!(true)),
            "ecs.capability.storage.ebs-task-attach",
        ),
        ("volumes.dockerVolumeConfiguration.autoprovision", docker_volume(json!({})), Order, local()),
        ("volumes.dockerVolumeConfiguration.driver", docker_volume(json!({"driver": "local"})), Order, local()),
        (
            "volumes.dockerVolumeConfiguration.driverOpts",
            docker_volume(json!({"driverOpts": {"type": "tmpfs"}})),
            Order,
            local(),
        ),
        ("volumes.dockerVolumeConfiguration.labels", docker_volume(json!({"labels": {"k": "v"}})), Order, local()),
        (
            "volumes.dockerVolumeConfiguration.scope",
            json!([{"name": "v", "dockerVolumeConfiguration": {"scope": "shared"}}]),
            Order,
            local(),
        ),
        kept_away(
            "volumes.efsVolumeConfiguration",
            cloud_volume("efsVolumeConfiguration", json!({"fileSystemId": "f"})),
            "ecs.capability.efs",
        ),
        kept_away(
            "volumes.fsxWindowsFileServerVolumeConfiguration",
            cloud_volume(
                "fsxWindowsFileServerVolumeConfiguration",
                json!({"fileSystemId": "f", "rootDirectory": "/", "authorizationConfig": {
                    "credentialsParameter": "p", "domain": "d"}}),
            ),
            "ecs.capability.fsxWindowsFileServer",
        ),
        ("volumes.host", json!([{"name": "v", "host": {"sourcePath": "/srv"}}]), Order, ENGINE),
        ("volumes.name", json!([{"name": "v"}]), Order, ENGINE),
        kept_away(
            "volumes.s3filesVolumeConfiguration",
            cloud_volume("s3filesVolumeConfiguration", json!({"fileSystemArn": "arn"})),
            "ecs.capability.s3files",
        ),
    ]
}

const FARGATE_DISK: On = Nothing("is a promise of Fargate's; here a container has what the engine's disk has");
const ROLE_USES: On = Nothing("whatever would use it has an attribute of its own");

/// On nodes of every kind.
fn kept_away(path: &'static str, example: Value, attribute: &'static str) -> Row {
    (path, example, KeptAway(attribute), KeptAway(attribute))
}

/// The members of `shape` that no row is about, whole or member by member.
fn forgotten(shape: &Shape, prefix: &str, rows: &BTreeSet<&str>, out: &mut Vec<String>) {
    let members = match shape {
        Shape::Structure(structure) => structure.members,
        Shape::List { element: Shape::Structure(structure), .. } => structure.members,
        _ => return out.push(prefix.trim_end_matches('.').to_owned()),
    };
    for member in members {
        let path = format!("{prefix}{}", member.name);
        if !rows.contains(path.as_str()) {
            forgotten(member.shape, &format!("{path}."), rows, out);
        }
    }
}

#[test]
fn no_member_of_a_definition_is_forgotten_td_72() {
    let operation = OPERATIONS.iter().find(|operation| operation.name == "RegisterTaskDefinition").unwrap();
    let Shape::Structure(task) = operation.input else { panic!("a request is a structure") };
    let containers = task.members.iter().find(|member| member.name == "containerDefinitions").unwrap();
    for (shape, rows) in [(containers.shape, container_rows()), (operation.input, task_rows())] {
        let paths: BTreeSet<&str> = rows.iter().map(|row| row.0).collect();
        let mut out = Vec::new();
        forgotten(shape, "", &paths, &mut out);
        assert_eq!(out, Vec::<String>::new(), "not in the table");
    }
}

/// One definition without the member and one with it. What the others need is in both.
fn definitions(path: &str, example: &Value, of_task: bool) -> (Value, Value) {
    let member = path.split('.').next().unwrap();
    let container = |name: &str| json!({"name": name, "image": "i", "memory": 256, "entryPoint": ["e"], "command": ["c"], "cpu": 1});
    let mut without = json!({"family": "f", "containerDefinitions": [container("a"), container("b")]});
    let mounted = json!([{"sourceVolume": "v", "containerPath": "/v"}]);
    match member {
        "volumes" => without["containerDefinitions"][0]["mountPoints"] = mounted,
        // A limit of the container's own would hide the task's.
        "memory" if of_task => {
            for index in 0..2 {
                without["containerDefinitions"][index]["memory"] = Value::Null;
                without["containerDefinitions"][index]["memoryReservation"] = json!(32);
            }
        }
        "mountPoints" => without["volumes"] = json!([{"name": "v"}]),
        "memoryReservation" | "swappiness" => without["containerDefinitions"][0]["memory"] = json!(256),
        _ => {}
    }
    let mut with = without.clone();
    let owner = if of_task { &mut with } else { &mut with["containerDefinitions"][0] };
    owner[member] = example.clone();
    // An example of the same member without the last step: `options` are compared with a log driver without them.
    if let Some(step) = path.rsplit('.').next().filter(|step| *step != member) {
        let mut base = example.clone();
        let inner = match &mut base {
            Value::Array(items) => &mut items[0],
            other => other,
        };
        let inner =
            if path.contains(".dockerVolumeConfiguration.") { &mut inner["dockerVolumeConfiguration"] } else { inner };
        if inner.as_object().is_some_and(|members| members.len() > 1 && members.contains_key(step)) {
            inner.as_object_mut().unwrap().remove(step);
            let owner = if of_task { &mut without } else { &mut without["containerDefinitions"][0] };
            owner[member] = base;
        }
    }
    (without, with)
}

type Describe = fn(ContainerRef, &LaunchSpec) -> Result<String, String>;

fn order(describe: Describe, document: &Value) -> Result<String, String> {
    let family = Family::parse(document["family"].as_str().unwrap()).unwrap();
    let id = TaskDefinitionId { family, revision: 1 };
    let spec = LaunchSpec {
        task: TaskId::from_u128(7),
        cluster: "c".into(),
        group: "g".into(),
        definition: Arc::new(TaskDefinition::from_document(id, Arc::new(document.clone())).unwrap()),
        overrides: None,
        gpus: Vec::new(),
    };
    describe(ContainerRef { task: spec.task, index: 0 }, &spec)
}

#[test]
fn what_is_not_honoured_keeps_the_task_away_td_72() {
    let kinds: [(&str, Describe, BTreeSet<String>); 2] = [
        ("docker", docker::shown::order, docker::shown::capabilities()),
        ("process", process::shown::order, process::shown::capabilities()),
    ];
    for (of_task, rows) in [(false, container_rows()), (true, task_rows())] {
        for (path, example, on_docker, as_process) in rows {
            let (without, with) = definitions(path, &example, of_task);
            for ((kind, describe, offered), on) in kinds.iter().zip([&on_docker, &as_process]) {
                match on {
                    Order => {
                        let (without, with) = (order(*describe, &without), order(*describe, &with));
                        assert!(with.is_ok(), "{path} on {kind}: {with:?}");
                        assert_ne!(without, with, "{path} changes nothing on {kind}");
                    }
                    KeptAway(attribute) => {
                        let Value::Object(members) = with.clone() else { panic!("{path}") };
                        let prepared = prepare(members).unwrap_or_else(|error| panic!("{path}: {error}"));
                        let required = prepared.requires_attributes.iter().any(|one| &**one == *attribute);
                        assert!(required, "{path} does not require {attribute}: {:?}", prepared.requires_attributes);
                        assert!(!offered.contains(*attribute), "{kind} offers {attribute} and ignores {path}");
                    }
                    By(reason) | Nothing(reason) => assert!(!reason.is_empty(), "{path}"),
                }
            }
        }
    }
}

/// What is honoured must not keep the task away from the richest node of the kind.
#[test]
fn what_is_honoured_keeps_nobody_away_td_72() {
    let kinds = [docker::shown::capabilities(), process::shown::capabilities()];
    for (of_task, rows) in [(false, container_rows()), (true, task_rows())] {
        for (path, example, on_docker, as_process) in rows {
            if path == "containerDefinitions" {
                continue;
            }
            let (_, with) = definitions(path, &example, of_task);
            for (offered, on) in kinds.iter().zip([on_docker, as_process]) {
                if matches!(on, KeptAway(_)) {
                    continue;
                }
                let Value::Object(members) = with.clone() else { panic!("{path}") };
                let prepared = prepare(members).unwrap_or_else(|error| panic!("{path}: {error}"));
                let missing: Vec<_> =
                    prepared.requires_attributes.iter().filter(|name| !offered.contains(&***name)).collect();
                assert!(missing.is_empty(), "{path}: {missing:?}");
            }
        }
    }
}
