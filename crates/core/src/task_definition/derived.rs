//! What follows from a definition: where it may run (TD-70) and what an instance must offer for it (TD-71).

use super::document::{ContainerDocument, Document, flag, given, object, objects, text, texts};
use super::{DefinitionError, fargate, refuse};
use plimsoll_model::{LaunchType, NetworkMode};
use std::collections::BTreeSet;
use std::sync::Arc;

const CAPABILITY: &str = "com.amazonaws.ecs.capability";

/// Members that only a container engine can honour. The oldest version of the engine's interface stands for all of
/// them: every node with an engine registers it, one that runs plain processes does not.
const OF_AN_ENGINE: [&str; 14] = [
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerSecurityOptions",
    "extraHosts",
    "hostname",
    "interactive",
    "links",
    "linuxParameters",
    "mountPoints",
    "pseudoTerminal",
    "readonlyRootFilesystem",
    "systemControls",
    "volumesFrom",
];

/// EC2 always, EXTERNAL and FARGATE when nothing rules them out; an asked-for type that is ruled out is refused.
pub(super) fn compatibilities(document: &Document<'_>) -> Result<Vec<LaunchType>, DefinitionError> {
    let fargate = fargate::check(document);
    if document.requires_fargate() {
        fargate.clone()?;
    }
    let external = is_external(document);
    if !external && texts(document.root, "requiresCompatibilities").any(|one| one == "EXTERNAL") {
        return refuse(
            "The task definition is not compatible with EXTERNAL: awsvpc, EFS, FSx, proxies and accelerators are not supported there.",
        );
    }
    let mut types = Vec::new();
    if external {
        types.push(LaunchType::External);
    }
    types.push(LaunchType::Ec2);
    if fargate.is_ok() {
        types.push(LaunchType::Fargate);
    }
    Ok(types)
}

fn is_external(document: &Document<'_>) -> bool {
    let cloud_volume = objects(document.root, "volumes").any(|volume| {
        volume.contains_key("efsVolumeConfiguration") || volume.contains_key("fsxWindowsFileServerVolumeConfiguration")
    });
    document.network_mode() != NetworkMode::Awsvpc
        && !cloud_volume
        && !given(document.root, "proxyConfiguration")
        && !given(document.root, "inferenceAccelerators")
}

/// Sorted, without repetition.
pub(super) fn requires_attributes(document: &Document<'_>) -> Vec<Arc<str>> {
    let mut names = BTreeSet::new();
    let awsvpc = document.network_mode() == NetworkMode::Awsvpc;
    require_if(&mut names, awsvpc, "ecs.capability.task-eni".into());
    if given(document.root, "taskRoleArn") {
        let host = document.network_mode() == NetworkMode::Host;
        let suffix = if host { "task-iam-role-network-host" } else { "task-iam-role" };
        names.insert(format!("{CAPABILITY}.{suffix}"));
    }
    let shares_namespaces = given(document.root, "pidMode") || given(document.root, "ipcMode");
    require_if(&mut names, shares_namespaces, "ecs.capability.pid-ipc-namespace-sharing".into());
    let proxied = given(document.root, "proxyConfiguration");
    require_if(&mut names, proxied, "ecs.capability.aws-appmesh".into());
    let fault_injection = flag(document.root, "enableFaultInjection") == Some(true);
    require_if(&mut names, fault_injection, "ecs.capability.fault-injection".into());
    require_if(&mut names, given(document.root, "inferenceAccelerators"), "ecs.capability.task-eia".into());
    let trusted = given(document.root, "trustedExecutionConfiguration");
    require_if(&mut names, trusted, "ecs.capability.trusted-execution".into());
    let cut_off = document.network_mode() == NetworkMode::None;
    require_if(&mut names, cut_off, format!("{CAPABILITY}.docker-remote-api.1.17"));
    let task_sized = given(document.root, "cpu") || given(document.root, "memory");
    require_if(&mut names, task_sized, "ecs.capability.task-cpu-mem-limit".into());
    volume_attributes(document, &mut names);
    for container in document.containers() {
        container_attributes(document, container, &mut names);
        logging_attributes(document, container, &mut names);
    }
    names.into_iter().map(Arc::from).collect()
}

fn require_if(names: &mut BTreeSet<String>, condition: bool, name: String) {
    if condition {
        names.insert(name);
    }
}

fn volume_attributes(document: &Document<'_>, names: &mut BTreeSet<String>) {
    for volume in objects(document.root, "volumes") {
        if let Some(docker) = object(volume, "dockerVolumeConfiguration") {
            let driver = text(docker, "driver").unwrap_or("local");
            names.insert(format!("ecs.capability.docker-plugin.{driver}"));
        }
        if let Some(efs) = object(volume, "efsVolumeConfiguration") {
            let authorized = given(efs, "authorizationConfig");
            names.insert(if authorized { "ecs.capability.efsAuth" } else { "ecs.capability.efs" }.into());
        }
        let fsx = volume.contains_key("fsxWindowsFileServerVolumeConfiguration");
        require_if(names, fsx, "ecs.capability.fsxWindowsFileServer".into());
        let at_launch = flag(volume, "configuredAtLaunch") == Some(true);
        require_if(names, at_launch, "ecs.capability.storage.ebs-task-attach".into());
        let s3_files = volume.contains_key("s3filesVolumeConfiguration");
        require_if(names, s3_files, "ecs.capability.s3files".into());
    }
}

/// Each row: whether the container uses the feature, and the attribute that stands for it.
fn container_attributes(document: &Document<'_>, container: ContainerDocument<'_>, names: &mut BTreeSet<String>) {
    let members = container.members;
    let api = |version: &str| format!("{CAPABILITY}.docker-remote-api.{version}");
    let ecr = is_ecr_image(text(members, "image").unwrap_or_default());
    let secret = |asm: bool| {
        objects(members, "secrets")
            .any(|secret| text(secret, "valueFrom").unwrap_or_default().contains(":secretsmanager:") == asm)
    };
    let security_option =
        |prefix: &str| texts(members, "dockerSecurityOptions").any(|option| option.starts_with(prefix));
    let linux = container.linux();
    let linux_given = |member: &str| linux.is_some_and(|linux| given(linux, member));
    let range = objects(members, "portMappings").any(|mapping| given(mapping, "containerPortRange"));
    let gpu = objects(members, "resourceRequirements").any(|one| text(one, "type") == Some("GPU"));
    let shared_gpu = objects(members, "resourceRequirements").any(|one| given(one, "sharingStrategy"));
    let accelerator =
        objects(members, "resourceRequirements").any(|one| text(one, "type") == Some("InferenceAccelerator"));
    let restarts = object(members, "restartPolicy").is_some_and(|policy| flag(policy, "enabled") == Some(true));
    let execution_role = document.execution_role().is_some();
    let of_an_engine = |member: &&str| given(members, member) && flag(members, member) != Some(false);
    if let Some(firelens) = object(members, "firelensConfiguration") {
        let router = text(firelens, "type").unwrap_or_default();
        names.insert(format!("ecs.capability.firelens.{router}"));
    }
    for (used, name) in [
        (flag(members, "privileged") == Some(true), format!("{CAPABILITY}.privileged-container")),
        (given(members, "healthCheck"), "ecs.capability.container-health-check".into()),
        (given(members, "healthCheck"), api("1.29")),
        (given(members, "dependsOn"), "ecs.capability.container-ordering".into()),
        (given(members, "memoryReservation"), api("1.21")),
        (linux.is_some_and(|linux| flag(linux, "initProcessEnabled") == Some(true)), api("1.25")),
        (linux_given("tmpfs") || linux_given("sharedMemorySize"), api("1.22")),
        (given(members, "dockerLabels") || given(members, "ulimits"), api("1.18")),
        (ecr, format!("{CAPABILITY}.ecr-auth")),
        (ecr && execution_role, "ecs.capability.execution-role-ecr-pull".into()),
        (secret(false), "ecs.capability.secrets.ssm.environment-variables".into()),
        (secret(true), "ecs.capability.secrets.asm.environment-variables".into()),
        (
            given(members, "repositoryCredentials"),
            "ecs.capability.private-registry-authentication.secretsmanager".into(),
        ),
        (given(members, "environmentFiles"), "ecs.capability.env-files.s3".into()),
        (range, "ecs.capability.network.container-port-range".into()),
        (restarts, "ecs.capability.container-restart-policy".into()),
        (security_option("apparmor:"), format!("{CAPABILITY}.apparmor")),
        (security_option("label:"), format!("{CAPABILITY}.selinux")),
        (OF_AN_ENGINE.iter().any(of_an_engine), api("1.17")),
        (given(members, "credentialSpecs") || security_option("credentialspec:"), "ecs.capability.gmsa".into()),
        (gpu, "ecs.capability.gpu".into()),
        // Several containers on one GPU need a driver that shares it; the name is ours.
        (shared_gpu, "plimsoll.gpu-sharing".into()),
        (accelerator, "ecs.capability.task-eia".into()),
    ] {
        require_if(names, used, name);
    }
}

fn logging_attributes(document: &Document<'_>, container: ContainerDocument<'_>, names: &mut BTreeSet<String>) {
    let Some(logging) = object(container.members, "logConfiguration") else { return };
    let driver = text(logging, "logDriver").unwrap_or_default();
    names.insert(format!("{CAPABILITY}.logging-driver.{driver}"));
    names.insert(format!("{CAPABILITY}.docker-remote-api.1.18"));
    require_if(names, given(logging, "options"), format!("{CAPABILITY}.docker-remote-api.1.19"));
    let role_for_logs = driver == "awslogs" && document.execution_role().is_some();
    require_if(names, role_for_logs, "ecs.capability.execution-role-awslogs".into());
    for option in objects(logging, "secretOptions") {
        let asm = text(option, "valueFrom").unwrap_or_default().contains(":secretsmanager:");
        let store = if asm { "asm" } else { "ssm" };
        names.insert(format!("ecs.capability.secrets.{store}.bootstrap.log-driver"));
    }
}

/// `<account>.dkr.ecr.<region>.amazonaws.com/...`
pub(super) fn is_ecr_image(image: &str) -> bool {
    let host = image.split('/').next().unwrap_or_default();
    host.contains(".dkr.ecr.") && host.contains(".amazonaws.com")
}
