//! What a node with this engine can do for a task: what the engine offers and this runtime passes on (TD-72).

use super::engine::Engine;
use crate::Error;
use crate::registration::{CAPABILITY, Offer};
use crate::runtime::RuntimeKind;
use std::collections::BTreeSet;

/// Of any engine.
const CAPABILITIES: [&str; 4] = [
    "ecs.capability.container-health-check",
    "ecs.capability.container-ordering",
    "ecs.capability.container-restart-policy",
    "ecs.capability.task-cpu-mem-limit",
];

/// Log drivers whose options reach the engine as they are. `awslogs` is not among them: ECS gives it options the
/// engine does not know.
const LOG_DRIVERS: [&str; 6] = ["json-file", "syslog", "journald", "gelf", "fluentd", "splunk"];

/// What an engine says of itself.
pub(super) struct Engines {
    /// The 41 of version 1.41 of its interface.
    pub newest_minor: u32,
    pub log_drivers: Vec<String>,
    pub volume_drivers: Vec<String>,
    pub security_options: Vec<String>,
}

pub(super) async fn offer_of(engine: &Engine) -> Result<Offer, Error> {
    let failed = |action| move |source| Error::Engine { action, source: Box::new(source) };
    let quick = engine.limits.quick_call;
    let slow = |action| move |_| Error::EngineSlow { action, seconds: quick.as_secs() };
    let version = tokio::time::timeout(quick, engine.client.version()).await;
    let version = version.map_err(slow("tell its version"))?.map_err(failed("tell its version"))?;
    let info = tokio::time::timeout(quick, engine.client.info()).await;
    let info = info.map_err(slow("describe itself"))?.map_err(failed("describe itself"))?;
    let newest = version.api_version.as_deref().and_then(|version| version.split_once('.'));
    let plugins = info.plugins.unwrap_or_default();
    let capabilities = capabilities(&Engines {
        newest_minor: newest.and_then(|(_, minor)| minor.parse().ok()).unwrap_or(17),
        log_drivers: plugins.log.unwrap_or_default(),
        volume_drivers: plugins.volume.unwrap_or_default(),
        security_options: info.security_options.unwrap_or_default(),
    });
    Ok(Offer { kind: RuntimeKind::Docker, capabilities, engine_version: version.version })
}

pub(super) fn capabilities(engine: &Engines) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = CAPABILITIES.map(str::to_owned).into();
    names.insert(format!("{CAPABILITY}.privileged-container"));
    names.extend((17..=engine.newest_minor).map(|minor| format!("{CAPABILITY}.docker-remote-api.1.{minor}")));
    let passed_on = engine.log_drivers.iter().filter(|driver| LOG_DRIVERS.contains(&driver.as_str()));
    names.extend(passed_on.map(|driver| format!("{CAPABILITY}.logging-driver.{driver}")));
    names.extend(engine.volume_drivers.iter().map(|driver| format!("ecs.capability.docker-plugin.{driver}")));
    for module in ["apparmor", "selinux"] {
        if engine.security_options.iter().any(|option| option.contains(&format!("name={module}"))) {
            names.insert(format!("{CAPABILITY}.{module}"));
        }
    }
    names
}
