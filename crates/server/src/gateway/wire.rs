//! The agent stream's protobuf messages as the core's protocol, and back. Nothing is decided here; what cannot be read
//! is an error that ends the stream.

use plimsoll_agent_proto::v1;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::protocol::{
    Assignment, Commands, FromNode, Heartbeat, Hello, Report, StopCause, TaskReport, ToNode, Welcome,
};
use plimsoll_model::{
    Attribute, Container, Epoch, HealthStatus, InstanceId, NetworkBinding, PortClaim, Protocol, Reserved, Resources,
    SessionId, TaskDefinition, TaskId, TaskStatus, Timestamp, VersionInfo,
};
use std::collections::HashSet;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WireError {
    #[error("{0} is missing")]
    Missing(&'static str),
    #[error("{0} is not 16 bytes long")]
    IdLength(&'static str),
    #[error("{value} is not a {what}")]
    OutOfRange { what: &'static str, value: i64 },
}

// --- from agents ---

/// A node's message and, with a hello, the cluster it is for.
pub(crate) enum Incoming {
    Hello { cluster: v1::ClusterAddress, hello: Box<Hello> },
    Other(FromNode),
}

pub(crate) fn incoming(body: v1::from_node::Body) -> Result<Incoming, WireError> {
    use v1::from_node::Body;
    Ok(match body {
        Body::Hello(hello) => Incoming::Hello {
            cluster: hello.cluster.clone().unwrap_or_default(),
            hello: Box::new(Hello {
                registration: registration(hello.registration.ok_or(WireError::Missing("registration"))?)?,
                inventory: all(hello.inventory, task_report)?,
                epoch: Epoch(hello.epoch),
            }),
        },
        Body::Report(report) => Incoming::Other(FromNode::Report(Report {
            session: SessionId(report.session),
            sequence: report.sequence,
            tasks: all(report.tasks, task_report)?,
        })),
        Body::Heartbeat(heartbeat) => Incoming::Other(FromNode::Heartbeat(Heartbeat {
            session: SessionId(heartbeat.session),
            received: heartbeat.received,
        })),
        Body::Resync(resync) => Incoming::Other(FromNode::Resync { session: SessionId(resync.session) }),
    })
}

fn registration(registration: v1::Registration) -> Result<RegisterContainerInstance, WireError> {
    let instance = registration.instance.as_deref().map(|bytes| id("instance", bytes)).transpose()?;
    let attribute = |one: v1::Attribute| {
        let value = one.value.map(Arc::from);
        (Arc::from(one.name), Attribute { value, custom: false })
    };
    let version = registration.version_info.unwrap_or_default();
    Ok(RegisterContainerInstance {
        instance: instance.map(InstanceId::from_u128),
        resources: resources(registration.resources.ok_or(WireError::Missing("resources"))?)?,
        attributes: registration.attributes.into_iter().map(attribute).collect(),
        version_info: VersionInfo {
            agent_version: version.agent_version.map(Arc::from),
            agent_hash: version.agent_hash.map(Arc::from),
            docker_version: version.docker_version.map(Arc::from),
        },
        ec2_instance_id: registration.ec2_instance_id.map(Arc::from),
        tags: registration.tags.into_iter().map(|(key, value)| (Arc::from(key), Arc::from(value))).collect(),
    })
}

fn resources(resources: v1::Resources) -> Result<Resources, WireError> {
    Ok(Resources {
        cpu_units: resources.cpu_units,
        memory_mib: resources.memory_mib,
        reserved_ports: resources.reserved_ports.into_iter().map(port_claim).collect::<Result<_, _>>()?,
        gpus: resources.gpus.into_iter().map(Arc::from).collect(),
        others: resources.others.into_iter().map(|(name, value)| (Arc::from(name), value)).collect(),
    })
}

fn port_claim(port: v1::Port) -> Result<PortClaim, WireError> {
    Ok(PortClaim { protocol: protocol(port.protocol)?, port: port_number(port.port)? })
}

fn port_number(value: u32) -> Result<u16, WireError> {
    u16::try_from(value).map_err(|_| WireError::OutOfRange { what: "port", value: i64::from(value) })
}

fn protocol(value: i32) -> Result<Protocol, WireError> {
    match v1::Protocol::try_from(value) {
        Ok(v1::Protocol::Tcp) => Ok(Protocol::Tcp),
        Ok(v1::Protocol::Udp) => Ok(Protocol::Udp),
        Ok(v1::Protocol::Unspecified) | Err(_) => {
            Err(WireError::OutOfRange { what: "protocol", value: i64::from(value) })
        }
    }
}

fn task_report(report: v1::TaskReport) -> Result<TaskReport, WireError> {
    use v1::stop_cause::Cause;
    let stop = match report.stop {
        None => None,
        Some(stop) => Some(match stop.cause.ok_or(WireError::Missing("stop cause"))? {
            Cause::FailedToStart(reason) => StopCause::FailedToStart { reason: reason.into() },
            Cause::EssentialContainerExited(v1::Unit {}) => StopCause::EssentialContainerExited,
            Cause::Requested(v1::Unit {}) => StopCause::Requested,
        }),
    };
    Ok(TaskReport {
        task: TaskId::from_u128(id("task", &report.task)?),
        status: task_status(report.status)?,
        containers: all(report.containers, container)?,
        stop,
        pull_started_at: report.pull_started_at.map(Timestamp::from_millis),
        pull_stopped_at: report.pull_stopped_at.map(Timestamp::from_millis),
        execution_stopped_at: report.execution_stopped_at.map(Timestamp::from_millis),
    })
}

fn container(container: v1::Container) -> Result<Container, WireError> {
    Ok(Container {
        name: container.name.into(),
        last_status: task_status(container.last_status)?,
        health: health_status(container.health)?,
        exit_code: container.exit_code,
        reason: container.reason.map(Arc::from),
        runtime_id: container.runtime_id.map(Arc::from),
        image_digest: container.image_digest.map(Arc::from),
        bindings: all(container.bindings, network_binding)?,
        gpus: container.gpus.into_iter().map(Arc::from).collect(),
        restart_count: container.restart_count,
    })
}

fn network_binding(binding: v1::NetworkBinding) -> Result<NetworkBinding, WireError> {
    Ok(NetworkBinding {
        bind_ip: binding.bind_ip.into(),
        container_port: port_number(binding.container_port)?,
        host_port: port_number(binding.host_port)?,
        protocol: protocol(binding.protocol)?,
    })
}

fn task_status(value: i32) -> Result<TaskStatus, WireError> {
    use v1::TaskStatus as Wire;
    Ok(match Wire::try_from(value) {
        Ok(Wire::Provisioning) => TaskStatus::Provisioning,
        Ok(Wire::Pending) => TaskStatus::Pending,
        Ok(Wire::Activating) => TaskStatus::Activating,
        Ok(Wire::Running) => TaskStatus::Running,
        Ok(Wire::Deactivating) => TaskStatus::Deactivating,
        Ok(Wire::Stopping) => TaskStatus::Stopping,
        Ok(Wire::Deprovisioning) => TaskStatus::Deprovisioning,
        Ok(Wire::Stopped) => TaskStatus::Stopped,
        Ok(Wire::Unspecified) | Err(_) => {
            return Err(WireError::OutOfRange { what: "task status", value: i64::from(value) });
        }
    })
}

fn health_status(value: i32) -> Result<HealthStatus, WireError> {
    use v1::HealthStatus as Wire;
    Ok(match Wire::try_from(value) {
        Ok(Wire::Healthy) => HealthStatus::Healthy,
        Ok(Wire::Unhealthy) => HealthStatus::Unhealthy,
        Ok(Wire::Unknown) => HealthStatus::Unknown,
        Ok(Wire::Unspecified) | Err(_) => {
            return Err(WireError::OutOfRange { what: "health status", value: i64::from(value) });
        }
    })
}

fn id(what: &'static str, bytes: &[u8]) -> Result<u128, WireError> {
    bytes.try_into().map(u128::from_be_bytes).map_err(|_| WireError::IdLength(what))
}

fn all<A, B>(list: Vec<A>, read: impl Fn(A) -> Result<B, WireError>) -> Result<Vec<B>, WireError> {
    list.into_iter().map(read).collect()
}

// --- to agents ---

/// The definitions that went over one stream already: each goes once.
#[derive(Default)]
pub(crate) struct Outgoing {
    sent: HashSet<String>,
}

impl Outgoing {
    /// Adds the message to `to`, preceded by the definitions it is the first to name.
    pub fn push(&mut self, node: u32, message: ToNode, to: &mut v1::ControlMessage) {
        use v1::to_node::Body;
        let body = match message {
            ToNode::Welcome(welcome) => Body::Welcome(self.welcome(*welcome, to)),
            ToNode::Refused { reason } => Body::Refused(v1::Refused { reason: reason.to_string() }),
            ToNode::Commands(commands) => Body::Commands(self.commands(commands, to)),
            ToNode::Acknowledge { session, sequence } => {
                Body::Acknowledge(v1::Acknowledge { session: session.0, sequence })
            }
        };
        to.messages.push(v1::ToNode { node, body: Some(body) });
    }

    fn welcome(&mut self, welcome: Welcome, to: &mut v1::ControlMessage) -> v1::Welcome {
        v1::Welcome {
            cluster: Some(v1::ClusterAddress {
                account: welcome.cluster.namespace.account.to_string(),
                region: welcome.cluster.namespace.region.to_string(),
                name: welcome.cluster.name.to_string(),
            }),
            instance: welcome.instance.as_u128().to_be_bytes().to_vec(),
            epoch: welcome.epoch.0,
            session: welcome.session.0,
            sequence: welcome.sequence,
            desired: welcome.desired.into_iter().map(|one| self.assignment(one, to)).collect(),
        }
    }

    fn commands(&mut self, commands: Commands, to: &mut v1::ControlMessage) -> v1::Commands {
        v1::Commands {
            epoch: commands.epoch.0,
            session: commands.session.0,
            sequence: commands.sequence,
            start: commands.start.into_iter().map(|one| self.assignment(one, to)).collect(),
            stop: commands.stop.into_iter().map(|task| task.as_u128().to_be_bytes().to_vec()).collect(),
        }
    }

    fn assignment(&mut self, assignment: Assignment, to: &mut v1::ControlMessage) -> v1::Assignment {
        let overrides = assignment.overrides.as_deref().map(|overrides| {
            serde_json::to_vec(overrides).expect("overrides are maps with string keys, which JSON has words for")
        });
        v1::Assignment {
            task: assignment.task.as_u128().to_be_bytes().to_vec(),
            definition: self.definition(&assignment.definition, to),
            overrides,
            reserved: Some(reserved(assignment.reserved)),
            group: assignment.group.to_string(),
            last_status: task_status_out(assignment.last_status).into(),
            stopping: assignment.stopping,
            restart_counts: assignment.restart_counts,
        }
    }

    fn definition(&mut self, definition: &TaskDefinition, to: &mut v1::ControlMessage) -> String {
        let id = definition.id.to_string();
        if self.sent.insert(id.clone()) {
            let document = definition.document.to_string().into_bytes();
            to.definitions.push(v1::TaskDefinition { id: id.clone(), document });
        }
        id
    }
}

fn reserved(reserved: Reserved) -> v1::Reserved {
    v1::Reserved {
        cpu_units: reserved.cpu_units,
        memory_mib: reserved.memory_mib,
        ports: reserved.ports.into_iter().map(port_out).collect(),
        gpus: reserved.gpus.iter().map(|name| name.to_string()).collect(),
    }
}

fn port_out(claim: PortClaim) -> v1::Port {
    let protocol = match claim.protocol {
        Protocol::Tcp => v1::Protocol::Tcp,
        Protocol::Udp => v1::Protocol::Udp,
    };
    v1::Port { protocol: protocol.into(), port: u32::from(claim.port) }
}

fn task_status_out(status: TaskStatus) -> v1::TaskStatus {
    match status {
        TaskStatus::Provisioning => v1::TaskStatus::Provisioning,
        TaskStatus::Pending => v1::TaskStatus::Pending,
        TaskStatus::Activating => v1::TaskStatus::Activating,
        TaskStatus::Running => v1::TaskStatus::Running,
        TaskStatus::Deactivating => v1::TaskStatus::Deactivating,
        TaskStatus::Stopping => v1::TaskStatus::Stopping,
        TaskStatus::Deprovisioning => v1::TaskStatus::Deprovisioning,
        TaskStatus::Stopped => v1::TaskStatus::Stopped,
    }
}
