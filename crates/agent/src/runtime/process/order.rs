//! What the shim of a container is told, in a file, so that a later agent can read it again.

use super::NotStarted;
use super::cgroup::Group;
use super::health::Check;
use super::ports::Picked;
use super::ulimit::Ulimit;
use crate::runtime::CANNOT_CREATE;
use crate::runtime::launch::Launch;
use nix::unistd::{Gid, Group as UnixGroup, Uid, User};
use plimsoll_core::node::{ContainerRef, LaunchSpec};
use plimsoll_model::{InstanceId, NetworkBinding, NetworkMode, Protocol, TaskId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[derive(Serialize, Deserialize)]
pub(super) struct Order {
    task: TaskId,
    index: usize,
    pub name: String,
    pub instance: Option<InstanceId>,
    definition: String,
    labels: BTreeMap<String, String>,
    /// Never empty.
    pub arguments: Vec<String>,
    pub environment: BTreeMap<String, String>,
    /// Absent: a directory of the container's own.
    pub working_directory: Option<PathBuf>,
    /// User and group ids.
    pub user: Option<(u32, u32)>,
    pub ulimits: Vec<Ulimit>,
    pub cgroup: Option<Group>,
    #[serde(default)]
    pub health_check: Option<Check>,
    pub bindings: Vec<NetworkBinding>,
}

impl Order {
    pub(super) fn of(
        container: ContainerRef,
        spec: &LaunchSpec,
        instance: Option<InstanceId>,
    ) -> Result<Self, NotStarted> {
        let launch = Launch::new(spec, container.index).ok_or_else(|| {
            NotStarted::new(format!("definition {} has no container {}", spec.definition.id, container.index))
        })?;
        refuse_unsupported(&launch)?;
        let arguments: Vec<String> = launch.container.entry_point.iter().chain(launch.command).cloned().collect();
        if arguments.is_empty() {
            return Err(NotStarted::new(
                "the process runtime has no images: entryPoint or command must say what to execute",
            ));
        }
        let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        environment.extend(launch.environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let user = launch.container.user.as_deref().map(resolve_user).transpose()?;
        let ulimits = Ulimit::of(launch.document).map_err(cannot_create)?;
        Ok(Order {
            task: container.task,
            index: container.index,
            name: launch.container.name.as_ref().to_owned(),
            instance,
            definition: spec.definition.id.to_string(),
            labels: launch.container.docker_labels.clone(),
            arguments,
            environment,
            working_directory: launch.container.working_directory.as_ref().map(PathBuf::from),
            user,
            ulimits,
            cgroup: None,
            health_check: launch.container.health_check.as_ref().map(Check::of),
            bindings: Vec::new(),
        })
    }

    pub(super) fn container(&self) -> ContainerRef {
        ContainerRef { task: self.task, index: self.index }
    }

    pub(super) fn runtime_id(&self) -> Arc<str> {
        format!("process-{}-{}", self.task, self.name).into()
    }

    /// See the runtime's own documentation for what a port means without a network of one's own.
    pub(super) fn bind_ports(&mut self, spec: &LaunchSpec, picked: &mut Picked) -> io::Result<()> {
        let Some(container) = spec.definition.containers.get(self.index) else { return Ok(()) };
        for mapping in &container.port_mappings {
            let Some(container_port) = mapping.container_port else { continue };
            let host_port = match (spec.definition.network_mode, mapping.host_port) {
                (NetworkMode::Bridge, 0) => picked.pick(mapping.protocol)?,
                (NetworkMode::Bridge, fixed) => fixed,
                (NetworkMode::Host | NetworkMode::Awsvpc | NetworkMode::None, _) => container_port,
            };
            let suffix = match mapping.protocol {
                Protocol::Tcp => "",
                Protocol::Udp => "_UDP",
            };
            self.environment.entry(format!("PORT_{container_port}{suffix}")).or_insert_with(|| host_port.to_string());
            let bind_ip = "0.0.0.0".into();
            let protocol = mapping.protocol;
            self.bindings.push(NetworkBinding { bind_ip, container_port, host_port, protocol });
        }
        Ok(())
    }
}

fn cannot_create(why: impl std::fmt::Display) -> NotStarted {
    NotStarted { class: CANNOT_CREATE, why: why.to_string() }
}

/// Members that change what the container sees or may do, and that mean nothing without a container engine.
fn refuse_unsupported(launch: &Launch<'_>) -> Result<(), NotStarted> {
    const UNSUPPORTED: [&str; 14] = [
        "mountPoints",
        "volumesFrom",
        "links",
        "privileged",
        "readonlyRootFilesystem",
        "linuxParameters",
        "dockerSecurityOptions",
        "systemControls",
        "disableNetworking",
        "extraHosts",
        "dnsServers",
        "dnsSearchDomains",
        "hostname",
        "logConfiguration",
    ];
    let given = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::String(_) => true,
    };
    match UNSUPPORTED.iter().find(|member| given(&launch.document[**member])) {
        Some(member) => Err(cannot_create(format!("the process runtime does not support {member}"))),
        None => Ok(()),
    }
}

/// `user`, `uid`, `user:group`, `uid:gid`, ... as in a definition.
fn resolve_user(text: &str) -> Result<(u32, u32), NotStarted> {
    let unknown = |what: &str| cannot_create(format!("{what} of {text:?} is not known on this machine"));
    let (user, group) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (text, None),
    };
    let found = match user.parse() {
        Ok(uid) => User::from_uid(Uid::from_raw(uid)),
        Err(_) => User::from_name(user),
    };
    let found = found.map_err(cannot_create)?;
    let uid = found.as_ref().map(|user| user.uid.as_raw()).or_else(|| user.parse().ok());
    let uid = uid.ok_or_else(|| unknown("the user"))?;
    let gid = match group {
        None => found.map_or(Gid::from_raw(uid), |user| user.gid).as_raw(),
        Some(group) => match group.parse() {
            Ok(gid) => gid,
            Err(_) => {
                let found = UnixGroup::from_name(group).map_err(cannot_create)?;
                found.ok_or_else(|| unknown("the group"))?.gid.as_raw()
            }
        },
    };
    Ok((uid, gid))
}
