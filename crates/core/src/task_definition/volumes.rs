//! Volumes and who mounts them (TD-62 to TD-65), and the proxy's container (TD-67).

use super::document::{Document, flag, given, object, objects, text};
use super::{Checked, refuse};
use plimsoll_model::Family;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const KINDS: &[&str] = &[
    "dockerVolumeConfiguration",
    "efsVolumeConfiguration",
    "fsxWindowsFileServerVolumeConfiguration",
    "s3filesVolumeConfiguration",
];

pub(super) fn check(document: &Document<'_>) -> Checked {
    let mut names = BTreeSet::new();
    let mut at_launch = 0;
    for volume in objects(document.root, "volumes") {
        let name = text(volume, "name").unwrap_or_default();
        if Family::parse(name).is_err() {
            return refuse(format!("Volume name {name:?} must be 1 to 255 of letters, digits, '_' and '-'."));
        }
        if !names.insert(name) {
            return refuse(format!("Volume name '{name}' is used more than once."));
        }
        let configured_at_launch = flag(volume, "configuredAtLaunch") == Some(true);
        at_launch += usize::from(configured_at_launch);
        let host = object(volume, "host").is_some_and(|host| given(host, "sourcePath"));
        let kinds = KINDS.iter().filter(|kind| volume.contains_key(**kind)).count()
            + usize::from(host)
            + usize::from(configured_at_launch);
        if kinds > 1 {
            return refuse(format!("Volume '{name}' is of {kinds} kinds; a volume is of exactly one."));
        }
        check_configuration(name, volume)?;
    }
    if at_launch > 1 {
        return refuse(format!("{at_launch} volumes are configured at launch, the maximum is 1."));
    }
    check_mounts(document, &names)?;
    check_proxy(document)
}

/// TD-64, TD-65.
fn check_configuration(name: &str, volume: &Map<String, Value>) -> Checked {
    if let Some(docker) = object(volume, "dockerVolumeConfiguration")
        && flag(docker, "autoprovision") == Some(true)
        && text(docker, "scope") != Some("shared")
    {
        return refuse(format!("Volume '{name}': autoprovision is only supported with scope 'shared'."));
    }
    let Some(efs) = object(volume, "efsVolumeConfiguration") else { return Ok(()) };
    let authorization = object(efs, "authorizationConfig");
    let access_point = authorization.is_some_and(|config| given(config, "accessPointId"));
    let iam = authorization.and_then(|config| text(config, "iam")) == Some("ENABLED");
    if (access_point || iam) && text(efs, "transitEncryption") != Some("ENABLED") {
        return refuse(format!("Volume '{name}': transitEncryption must be ENABLED with iam or an access point."));
    }
    if access_point && !matches!(text(efs, "rootDirectory"), None | Some("/" | "")) {
        return refuse(format!("Volume '{name}': rootDirectory must be absent or '/' with an access point."));
    }
    Ok(())
}

/// TD-63.
fn check_mounts(document: &Document<'_>, volumes: &BTreeSet<&str>) -> Checked {
    for container in document.containers() {
        for mount in objects(container.members, "mountPoints") {
            let source = text(mount, "sourceVolume").unwrap_or_default();
            if !volumes.contains(source) {
                return refuse(format!("Unknown volume '{source}'. Container '{}'.", container.name()));
            }
            if !given(mount, "containerPath") {
                return refuse(format!("Container '{}': a mount point needs 'containerPath'.", container.name()));
            }
        }
        for from in objects(container.members, "volumesFrom") {
            let source = text(from, "sourceContainer").unwrap_or_default();
            if source == container.name() || document.container(source).is_none() {
                return refuse(format!(
                    "Container '{}': volumesFrom names '{source}', which is no other container.",
                    container.name()
                ));
            }
        }
    }
    Ok(())
}

/// TD-67.
fn check_proxy(document: &Document<'_>) -> Checked {
    let Some(proxy) = object(document.root, "proxyConfiguration") else { return Ok(()) };
    let name = text(proxy, "containerName").unwrap_or_default();
    if document.container(name).is_none() {
        return refuse(format!("proxyConfiguration names container '{name}', which is not in the task definition."));
    }
    Ok(())
}
