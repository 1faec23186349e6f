//! Identity of containers and the parameters that concern one container alone (TD-2 to TD-5, TD-48 to TD-59).

use super::document::{ContainerDocument, Document, flag, given, integer, object, objects, text, texts};
use super::{CONTAINERS_MAX, Checked, refuse};
use plimsoll_model::Family;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::ops::RangeInclusive;

const IMAGE_CHARS_MAX: usize = 255;
const CAPABILITIES: &[&str] = &[
    "ALL",
    "AUDIT_CONTROL",
    "AUDIT_WRITE",
    "BLOCK_SUSPEND",
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "IPC_LOCK",
    "IPC_OWNER",
    "KILL",
    "LEASE",
    "LINUX_IMMUTABLE",
    "MAC_ADMIN",
    "MAC_OVERRIDE",
    "MKNOD",
    "NET_ADMIN",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_CHROOT",
    "SYS_MODULE",
    "SYS_NICE",
    "SYS_PACCT",
    "SYS_PTRACE",
    "SYS_RAWIO",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "SYSLOG",
    "WAKE_ALARM",
];

/// What a tmpfs may be mounted with; those with a value are written `name=value`.
const MOUNT_OPTIONS: &[&str] = &[
    "defaults",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "remount",
    "mand",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "bind",
    "rbind",
    "unbindable",
    "runbindable",
    "private",
    "rprivate",
    "shared",
    "rshared",
    "slave",
    "rslave",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "mpol",
];

pub(super) fn check(document: &Document<'_>) -> Checked {
    let count = document.containers().count();
    if count == 0 {
        return refuse("Container list cannot be empty.");
    }
    if count > CONTAINERS_MAX {
        return refuse(format!("Too many containers. {count} given, the maximum is {CONTAINERS_MAX}."));
    }
    let mut names = BTreeSet::new();
    for container in document.containers() {
        check_identity(container)?;
        if !names.insert(container.name()) {
            return refuse(format!("Container.name '{}' is used more than once.", container.name()));
        }
    }
    if !document.containers().any(ContainerDocument::essential) {
        return refuse("At least one container must be essential.");
    }
    for container in document.containers() {
        check_life_cycle(container)?;
        check_environment(container)?;
        check_linux_parameters(container)?;
        check_limits(container)?;
        check_logging(document, container)?;
        check_resource_requirements(document, container)?;
    }
    check_firelens(document)?;
    check_system_controls(document)
}

/// TD-3, TD-4.
fn check_identity(container: ContainerDocument<'_>) -> Checked {
    let name = container.name();
    if name.is_empty() {
        return refuse("Container.name should not be null or empty.");
    }
    if Family::parse(name).is_err() {
        return refuse(format!("Container.name '{name}' must be 1 to 255 of letters, digits, '_' and '-'."));
    }
    let image = text(container.members, "image").unwrap_or_default();
    if image.is_empty() {
        return refuse("Container.image should not be null or empty.");
    }
    if image.chars().count() > IMAGE_CHARS_MAX {
        return refuse(format!("Container.image of container '{name}' is longer than {IMAGE_CHARS_MAX} characters."));
    }
    if !image.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-:./#@".contains(&byte)) {
        return refuse(format!("Container.image contains invalid characters. Container '{name}', image {image:?}."));
    }
    Ok(())
}

fn check_range(
    container: ContainerDocument<'_>,
    members: &Map<String, Value>,
    member: &str,
    range: RangeInclusive<i64>,
) -> Checked {
    match integer(members, member) {
        Some(value) if !range.contains(&value) => refuse(format!(
            "Invalid '{member}' setting for container '{}': {value} is not from {} to {}.",
            container.name(),
            range.start(),
            range.end()
        )),
        _ => Ok(()),
    }
}

/// TD-48 to TD-50.
fn check_life_cycle(container: ContainerDocument<'_>) -> Checked {
    check_range(container, container.members, "startTimeout", 2..=120)?;
    check_range(container, container.members, "stopTimeout", 2..=120)?;
    if let Some(health) = object(container.members, "healthCheck") {
        let mut command = texts(health, "command");
        let meaningful = match command.next() {
            None => false,
            Some("CMD" | "CMD-SHELL") => command.next().is_some(),
            Some(_) => true,
        };
        if !meaningful {
            return refuse(format!("Container '{}': healthCheck.command must not be empty.", container.name()));
        }
        check_range(container, health, "interval", 5..=300)?;
        check_range(container, health, "timeout", 2..=60)?;
        check_range(container, health, "retries", 1..=10)?;
        check_range(container, health, "startPeriod", 0..=300)?;
    }
    if let Some(policy) = object(container.members, "restartPolicy") {
        if flag(policy, "enabled").is_none() {
            return refuse(format!("Container '{}': restartPolicy.enabled must be given.", container.name()));
        }
        let ignored = policy.get("ignoredExitCodes").and_then(Value::as_array).map_or(0, Vec::len);
        if ignored > 50 {
            return refuse(format!(
                "Container '{}': {ignored} ignoredExitCodes given, the maximum is 50.",
                container.name()
            ));
        }
        check_range(container, policy, "restartAttemptPeriod", 60..=1800)?;
    }
    Ok(())
}

/// TD-54, TD-55.
fn check_environment(container: ContainerDocument<'_>) -> Checked {
    let name = container.name();
    let mut names = BTreeSet::new();
    for variable in objects(container.members, "environment") {
        let variable_name = text(variable, "name").unwrap_or_default();
        if variable_name.is_empty() {
            return refuse(format!("Container '{name}': the name of an environment variable must not be empty."));
        }
        if variable_name.contains('=') || variable_name.contains('\0') {
            return refuse(format!("Container '{name}': environment variable name {variable_name:?} is invalid."));
        }
        names.insert(variable_name);
    }
    for secret in objects(container.members, "secrets") {
        let secret_name = text(secret, "name").unwrap_or_default();
        if secret_name.is_empty() || text(secret, "valueFrom").unwrap_or_default().is_empty() {
            return refuse(format!("Container '{name}': a secret needs 'name' and 'valueFrom'."));
        }
        if !names.insert(secret_name) {
            return refuse(format!(
                "The secret name must be unique and not shared with any new or existing environment variables set on the container, such as '{secret_name}'."
            ));
        }
    }
    let files: Vec<_> = objects(container.members, "environmentFiles").collect();
    if files.len() > 10 {
        return refuse(format!("Container '{name}': {} environmentFiles given, the maximum is 10.", files.len()));
    }
    if files.iter().any(|file| !text(file, "value").unwrap_or_default().ends_with(".env")) {
        return refuse(format!("Container '{name}': the value of an environment file must end with '.env'."));
    }
    Ok(())
}

/// TD-52.
fn check_linux_parameters(container: ContainerDocument<'_>) -> Checked {
    let Some(linux) = container.linux() else { return Ok(()) };
    let name = container.name();
    if let Some(capabilities) = object(linux, "capabilities") {
        for capability in texts(capabilities, "add").chain(texts(capabilities, "drop")) {
            if !CAPABILITIES.contains(&capability) {
                return refuse(format!("Container '{name}': unknown capability {capability:?}."));
            }
        }
    }
    for device in objects(linux, "devices") {
        if text(device, "hostPath").unwrap_or_default().is_empty() {
            return refuse(format!("Container '{name}': a device needs 'hostPath'."));
        }
    }
    for tmpfs in objects(linux, "tmpfs") {
        let path = text(tmpfs, "containerPath").unwrap_or_default();
        if path.is_empty() || integer(tmpfs, "size").unwrap_or(0) <= 0 {
            return refuse(format!("Container '{name}': a tmpfs needs 'containerPath' and a 'size' above 0."));
        }
        let option_name = |option: &&str| option.split('=').next().unwrap_or_default().to_owned();
        let unknown = texts(tmpfs, "mountOptions").find(|one| !MOUNT_OPTIONS.contains(&option_name(one).as_str()));
        if let Some(option) = unknown {
            return refuse(format!("Container '{name}': unknown mount option {option:?} of a tmpfs."));
        }
    }
    check_range(container, linux, "swappiness", 0..=100)?;
    check_range(container, linux, "maxSwap", 0..=i64::MAX)?;
    check_range(container, linux, "sharedMemorySize", 1..=i64::MAX)
}

/// TD-53.
fn check_limits(container: ContainerDocument<'_>) -> Checked {
    let name = container.name();
    let mut seen = BTreeSet::new();
    for ulimit in objects(container.members, "ulimits") {
        let ulimit_name = text(ulimit, "name").unwrap_or_default();
        if !seen.insert(ulimit_name) {
            return refuse(format!("Container '{name}': ulimit '{ulimit_name}' is given more than once."));
        }
        let (soft, hard) = (integer(ulimit, "softLimit").unwrap_or(0), integer(ulimit, "hardLimit").unwrap_or(0));
        if soft > hard && hard != -1 {
            return refuse(format!(
                "Container '{name}': the soft limit {soft} of ulimit '{ulimit_name}' exceeds the hard limit {hard}."
            ));
        }
    }
    for option in texts(container.members, "dockerSecurityOptions") {
        let known = option == "no-new-privileges"
            || ["apparmor:", "label:", "credentialspec:"].iter().any(|prefix| option.starts_with(prefix));
        if !known {
            return refuse(format!("Container '{name}': unknown dockerSecurityOptions entry {option:?}."));
        }
    }
    let specs = texts(container.members, "credentialSpecs").count();
    if specs > 1 {
        return refuse(format!("Container '{name}': {specs} credentialSpecs given, the maximum is 1."));
    }
    Ok(())
}

/// TD-56.
fn check_logging(document: &Document<'_>, container: ContainerDocument<'_>) -> Checked {
    let Some(logging) = object(container.members, "logConfiguration") else { return Ok(()) };
    let driver = text(logging, "logDriver").unwrap_or_default();
    if driver.is_empty() {
        return refuse(format!("Container '{}': logConfiguration.logDriver must be given.", container.name()));
    }
    if driver == "awslogs" {
        let options = object(logging, "options");
        let missing: Vec<&str> = ["awslogs-region", "awslogs-group"]
            .into_iter()
            .filter(|option| !options.is_some_and(|options| given(options, option)))
            .collect();
        if !missing.is_empty() {
            return refuse(format!("Log driver awslogs requires options: {}", missing.join(", ")));
        }
    }
    let has_router = document.containers().any(|one| given(one.members, "firelensConfiguration"));
    if driver == "awsfirelens" && !has_router {
        return refuse(format!(
            "Container '{}': log driver awsfirelens requires a container with firelensConfiguration.",
            container.name()
        ));
    }
    Ok(())
}

/// TD-57.
fn check_firelens(document: &Document<'_>) -> Checked {
    let routers = document.containers().filter(|one| given(one.members, "firelensConfiguration")).count();
    if routers > 1 {
        return refuse(format!("{routers} containers have firelensConfiguration, the maximum is 1."));
    }
    Ok(())
}

/// TD-58.
fn check_resource_requirements(document: &Document<'_>, container: ContainerDocument<'_>) -> Checked {
    let name = container.name();
    let mut gpu_entries = 0;
    for requirement in objects(container.members, "resourceRequirements") {
        let value = text(requirement, "value").unwrap_or_default();
        match text(requirement, "type").unwrap_or_default() {
            "GPU" => {
                gpu_entries += 1;
                if !value.parse::<u32>().is_ok_and(|count| count > 0) {
                    return refuse(format!("Container '{name}': GPU value {value:?} is not a positive integer."));
                }
            }
            "InferenceAccelerator" => {
                let declared = objects(document.root, "inferenceAccelerators")
                    .any(|accelerator| text(accelerator, "deviceName") == Some(value));
                if !declared {
                    return refuse(format!("Container '{name}': inference accelerator {value:?} is not declared."));
                }
            }
            other => return refuse(format!("Container '{name}': unknown resource requirement type {other:?}.")),
        }
    }
    if gpu_entries > 1 {
        return refuse(format!("Container '{name}': {gpu_entries} GPU requirements given, the maximum is 1."));
    }
    Ok(())
}

/// TD-59.
fn check_system_controls(document: &Document<'_>) -> Checked {
    const IPC: &[&str] = &[
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    let host_ipc = text(document.root, "ipcMode") == Some("host");
    for container in document.containers() {
        for control in objects(container.members, "systemControls") {
            let namespace = text(control, "namespace").unwrap_or_default();
            let ipc = IPC.contains(&namespace) || namespace.starts_with("fs.mqueue.");
            if !ipc && !namespace.starts_with("net.") {
                return refuse(format!(
                    "Container '{}': system control {namespace:?} is not a namespaced kernel parameter.",
                    container.name()
                ));
            }
            if ipc && host_ipc {
                return refuse(format!(
                    "Container '{}': system control {namespace:?} is not supported when ipcMode=host.",
                    container.name()
                ));
            }
        }
    }
    Ok(())
}
