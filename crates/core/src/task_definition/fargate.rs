//! What the FARGATE launch type rules out (TD-18 to TD-21). Nothing runs on Fargate here; the rules decide whether
//! `compatibilities` lists it, and refuse a definition that asks for it and could never run there.

use super::document::{ContainerDocument, Document, given, integer, object, objects, text, texts};
use super::{Checked, refuse};

/// TD-18 to TD-21, in the order ECS reports them.
pub(super) fn check(document: &Document<'_>) -> Checked {
    if document.network_mode() != plimsoll_model::NetworkMode::Awsvpc {
        return refuse("Fargate only supports network mode \u{2018}awsvpc\u{2019}.");
    }
    let size = |member: &str| text(document.root, member).and_then(|value| value.parse::<u32>().ok());
    let Some(cpu) = size("cpu") else {
        return refuse("Fargate requires that 'cpu' be defined at the task level.");
    };
    let Some(memory) = size("memory") else {
        return refuse("Fargate requires that 'memory' be defined at the task level.");
    };
    let windows = object(document.root, "runtimePlatform")
        .and_then(|platform| text(platform, "operatingSystemFamily"))
        .is_some_and(|family| family.starts_with("WINDOWS"));
    if !is_fargate_size(cpu, memory) || (windows && cpu < 1024) {
        return refuse(format!("No Fargate configuration exists for given values: {cpu} CPU, {memory} memory."));
    }
    check_task(document)?;
    document.containers().try_for_each(|container| check_container(document, container))
}

/// The pairs of TD-19.
fn is_fargate_size(cpu: u32, memory: u32) -> bool {
    let stepped =
        |low: u32, high: u32, step: u32| (low..=high).contains(&memory) && (memory - low).is_multiple_of(step);
    match cpu {
        256 => [512, 1024, 2048].contains(&memory),
        512 => stepped(1024, 4096, 1024),
        1024 => stepped(2048, 8192, 1024),
        2048 => stepped(4096, 16_384, 1024),
        4096 => stepped(8192, 30_720, 1024),
        8192 => stepped(16_384, 61_440, 4096),
        16_384 => stepped(32_768, 122_880, 8192),
        _ => false,
    }
}

fn check_task(document: &Document<'_>) -> Checked {
    if text(document.root, "pidMode") == Some("host") {
        return refuse(
            "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
        );
    }
    for member in ["ipcMode", "placementConstraints"] {
        if given(document.root, member) {
            return refuse(format!("Fargate does not support '{member}'."));
        }
    }
    for volume in objects(document.root, "volumes") {
        let host_path = object(volume, "host").is_some_and(|host| given(host, "sourcePath"));
        if host_path || volume.contains_key("dockerVolumeConfiguration") {
            return refuse(format!(
                "Fargate does not support host or docker volumes. Volume '{}'.",
                text(volume, "name").unwrap_or_default()
            ));
        }
    }
    let storage = object(document.root, "ephemeralStorage").and_then(|storage| integer(storage, "sizeInGiB"));
    if storage.is_some_and(|gib| !(21..=200).contains(&gib)) {
        return refuse("ephemeralStorage.sizeInGiB must be from 21 to 200.");
    }
    Ok(())
}

fn check_container(document: &Document<'_>, container: ContainerDocument<'_>) -> Checked {
    let name = container.name();
    let unsupported = |what: &str| refuse(format!("Fargate does not support '{what}'. Container '{name}'."));
    if container.members.get("privileged").and_then(serde_json::Value::as_bool) == Some(true) {
        return unsupported("privileged");
    }
    for member in ["dockerSecurityOptions", "links"] {
        if given(container.members, member) {
            return unsupported(member);
        }
    }
    if let Some(linux) = container.linux() {
        for member in ["devices", "tmpfs", "sharedMemorySize", "maxSwap", "swappiness"] {
            if given(linux, member) {
                return unsupported(member);
            }
        }
        let added = object(linux, "capabilities").into_iter().flat_map(|capabilities| texts(capabilities, "add"));
        if let Some(capability) = added.into_iter().find(|capability| *capability != "SYS_PTRACE") {
            return unsupported(&format!("capabilities.add {capability}"));
        }
    }
    if objects(container.members, "resourceRequirements").any(|one| text(one, "type") == Some("GPU")) {
        return unsupported("GPU");
    }
    let driver = object(container.members, "logConfiguration").and_then(|logging| text(logging, "logDriver"));
    if driver.is_some_and(|driver| !["awslogs", "splunk", "awsfirelens"].contains(&driver)) {
        return unsupported(&format!("log driver {}", driver.unwrap_or_default()));
    }
    if document.execution_role().is_none() {
        if driver == Some("awslogs") {
            return refuse(
                "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
            );
        }
        if super::derived::is_ecr_image(text(container.members, "image").unwrap_or_default()) {
            return refuse("Fargate requires task definition to have execution role ARN to support ECR images.");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::is_fargate_size;

    #[test]
    fn td19_fargate_pairs() {
        for (cpu, memory, expected) in [
            (256, 512, true),
            (256, 1024, true),
            (256, 3072, false),
            (512, 4096, true),
            (512, 1536, false),
            (4096, 30_720, true),
            (8192, 16_384, true),
            (8192, 17_408, false),
            (300, 512, false),
        ] {
            assert_eq!(is_fargate_size(cpu, memory), expected, "{cpu} {memory}");
        }
    }
}
