//! Between the core's words and the stream's, in the agent's direction: what nodes say is encoded, what they are told
//! is decoded. Knows no sockets.

use crate::settings::ClusterAddress;
use plimsoll_agent_proto::v1;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::protocol::{Assignment, Commands, FromNode, Hello, Report, StopCause, TaskReport, ToNode, Welcome};
use plimsoll_model::{
    ClusterKey, ClusterName, Container, Epoch, Family, HealthStatus, InstanceId, Namespace, NetworkBinding, PortClaim,
    Protocol, Reserved, Resources, SessionId, TaskDefinition, TaskDefinitionId, TaskId, TaskOverrides, TaskStatus,
    Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The server said something this agent cannot read: a bug or a newer server, never the operator's mistake.
#[derive(Debug, thiserror::Error)]
#[error("malformed message from the server: {0}")]
pub(crate) struct Malformed(String);

impl Malformed {
    fn new(what: impl Into<String>) -> Self {
        Malformed(what.into())
    }
}

pub(crate) fn encode(node: u32, cluster: &ClusterAddress, message: FromNode) -> v1::FromNode {
    use v1::from_node::Body;
    let body = match message {
        FromNode::Hello(hello) => Body::Hello(encode_hello(cluster, *hello)),
        FromNode::Report(Report { session, sequence, tasks }) => Body::Report(v1::Report {
            session: session.0,
            sequence,
            tasks: tasks.into_iter().map(encode_task_report).collect(),
        }),
        FromNode::Heartbeat(beat) => {
            Body::Heartbeat(v1::Heartbeat { session: beat.session.0, received: beat.received })
        }
        FromNode::Resync { session } => Body::Resync(v1::Resync { session: session.0 }),
    };
    v1::FromNode { node, body: Some(body) }
}

fn encode_hello(cluster: &ClusterAddress, hello: Hello) -> v1::Hello {
    v1::Hello {
        cluster: Some(v1::ClusterAddress {
            account: cluster.account.clone().unwrap_or_default(),
            region: cluster.region.clone().unwrap_or_default(),
            name: cluster.name.clone(),
        }),
        registration: Some(encode_registration(hello.registration)),
        inventory: hello.inventory.into_iter().map(encode_task_report).collect(),
        epoch: hello.epoch.0,
    }
}

fn encode_registration(registration: RegisterContainerInstance) -> v1::Registration {
    let RegisterContainerInstance { instance, resources, attributes, version_info, ec2_instance_id, tags } =
        registration;
    let text = |text: &Arc<str>| text.as_ref().to_owned();
    v1::Registration {
        instance: instance.map(|id| encode_id(id.as_u128())),
        resources: Some(encode_resources(resources)),
        attributes: attributes
            .into_iter()
            .map(|(name, attribute)| v1::Attribute { name: text(&name), value: attribute.value.as_ref().map(text) })
            .collect(),
        version_info: Some(v1::VersionInfo {
            agent_version: version_info.agent_version.as_ref().map(text),
            agent_hash: version_info.agent_hash.as_ref().map(text),
            docker_version: version_info.docker_version.as_ref().map(text),
        }),
        ec2_instance_id: ec2_instance_id.as_ref().map(text),
        tags: tags.iter().map(|(key, value)| (text(key), text(value))).collect(),
    }
}

fn encode_resources(resources: Resources) -> v1::Resources {
    v1::Resources {
        cpu_units: resources.cpu_units,
        memory_mib: resources.memory_mib,
        reserved_ports: resources
            .reserved_ports
            .into_iter()
            .map(|claim| v1::Port { protocol: encode_protocol(claim.protocol), port: claim.port.into() })
            .collect(),
        gpus: resources.gpus.iter().map(|gpu| gpu.as_ref().to_owned()).collect(),
        others: resources.others.into_iter().map(|(name, value)| (name.as_ref().to_owned(), value)).collect(),
    }
}

fn encode_task_report(report: TaskReport) -> v1::TaskReport {
    v1::TaskReport {
        task: encode_id(report.task.as_u128()),
        status: encode_status(report.status),
        containers: report.containers.into_iter().map(encode_container).collect(),
        stop: report.stop.map(encode_stop_cause),
        pull_started_at: report.pull_started_at.map(Timestamp::as_millis),
        pull_stopped_at: report.pull_stopped_at.map(Timestamp::as_millis),
        execution_stopped_at: report.execution_stopped_at.map(Timestamp::as_millis),
    }
}

fn encode_stop_cause(cause: StopCause) -> v1::StopCause {
    use v1::stop_cause::Cause;
    let cause = match cause {
        StopCause::FailedToStart { reason } => Cause::FailedToStart(reason.as_ref().to_owned()),
        StopCause::EssentialContainerExited => Cause::EssentialContainerExited(v1::Unit {}),
        StopCause::Requested => Cause::Requested(v1::Unit {}),
    };
    v1::StopCause { cause: Some(cause) }
}

fn encode_container(container: Container) -> v1::Container {
    let text = |text: Arc<str>| text.as_ref().to_owned();
    v1::Container {
        name: text(container.name),
        last_status: encode_status(container.last_status),
        health: match container.health {
            HealthStatus::Healthy => v1::HealthStatus::Healthy,
            HealthStatus::Unhealthy => v1::HealthStatus::Unhealthy,
            HealthStatus::Unknown => v1::HealthStatus::Unknown,
        }
        .into(),
        exit_code: container.exit_code,
        reason: container.reason.map(text),
        runtime_id: container.runtime_id.map(text),
        image_digest: container.image_digest.map(text),
        bindings: container.bindings.into_iter().map(encode_binding).collect(),
        gpus: container.gpus.into_iter().map(text).collect(),
        restart_count: container.restart_count,
    }
}

fn encode_binding(binding: NetworkBinding) -> v1::NetworkBinding {
    v1::NetworkBinding {
        bind_ip: binding.bind_ip.as_ref().to_owned(),
        container_port: binding.container_port.into(),
        host_port: binding.host_port.into(),
        protocol: encode_protocol(binding.protocol),
    }
}

fn encode_protocol(protocol: Protocol) -> i32 {
    match protocol {
        Protocol::Tcp => v1::Protocol::Tcp.into(),
        Protocol::Udp => v1::Protocol::Udp.into(),
    }
}

fn encode_status(status: TaskStatus) -> i32 {
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
    .into()
}

fn encode_id(id: u128) -> Vec<u8> {
    id.to_be_bytes().to_vec()
}

/// What a node is told over the stream.
#[derive(Debug)]
pub(crate) enum Told {
    Message(ToNode),
    /// Its session is over while the stream goes on.
    Closed,
}

/// Decodes one stream: it remembers the definitions that were sent on it.
#[derive(Default)]
pub(crate) struct Decoder {
    definitions: BTreeMap<String, Arc<TaskDefinition>>,
}

impl Decoder {
    pub(crate) fn decode(&mut self, message: v1::ControlMessage) -> Result<Vec<(u32, Told)>, Malformed> {
        for sent in message.definitions {
            let definition = decode_definition(&sent)?;
            self.definitions.insert(sent.id, Arc::new(definition));
        }
        message.messages.into_iter().map(|one| Ok((one.node, self.decode_body(one.body)?))).collect()
    }

    fn decode_body(&self, body: Option<v1::to_node::Body>) -> Result<Told, Malformed> {
        use v1::to_node::Body;
        Ok(Told::Message(match body.ok_or_else(|| Malformed::new("a message to a node without a body"))? {
            Body::Welcome(welcome) => ToNode::Welcome(Box::new(self.decode_welcome(welcome)?)),
            Body::Refused(refused) => ToNode::Refused { reason: refused.reason.into() },
            Body::Commands(commands) => ToNode::Commands(self.decode_commands(commands)?),
            Body::Acknowledge(ack) => ToNode::Acknowledge { session: SessionId(ack.session), sequence: ack.sequence },
            Body::Closed(v1::Unit {}) => return Ok(Told::Closed),
        }))
    }

    fn decode_welcome(&self, welcome: v1::Welcome) -> Result<Welcome, Malformed> {
        let cluster = welcome.cluster.ok_or_else(|| Malformed::new("a welcome without a cluster"))?;
        Ok(Welcome {
            cluster: ClusterKey {
                namespace: Namespace { account: cluster.account.into(), region: cluster.region.into() },
                name: ClusterName::parse(&cluster.name).map_err(|error| Malformed::new(error.to_string()))?,
            },
            instance: InstanceId::from_u128(decode_id(&welcome.instance)?),
            epoch: Epoch(welcome.epoch),
            session: SessionId(welcome.session),
            sequence: welcome.sequence,
            desired: self.decode_assignments(welcome.desired)?,
        })
    }

    fn decode_commands(&self, commands: v1::Commands) -> Result<Commands, Malformed> {
        let stop = commands.stop.iter().map(|task| decode_id(task).map(TaskId::from_u128));
        Ok(Commands {
            epoch: Epoch(commands.epoch),
            session: SessionId(commands.session),
            sequence: commands.sequence,
            start: self.decode_assignments(commands.start)?,
            stop: stop.collect::<Result<_, _>>()?,
        })
    }

    fn decode_assignments(&self, assignments: Vec<v1::Assignment>) -> Result<Vec<Assignment>, Malformed> {
        assignments.into_iter().map(|assignment| self.decode_assignment(assignment)).collect()
    }

    fn decode_assignment(&self, assignment: v1::Assignment) -> Result<Assignment, Malformed> {
        let definition = self.definitions.get(&assignment.definition).ok_or_else(|| {
            Malformed::new(format!("an assignment of definition {:?}, which was not sent", assignment.definition))
        })?;
        let overrides = assignment.overrides.as_deref().map(serde_json::from_slice::<TaskOverrides>).transpose();
        let overrides = overrides.map_err(|error| Malformed::new(format!("overrides: {error}")))?;
        Ok(Assignment {
            task: TaskId::from_u128(decode_id(&assignment.task)?),
            definition: Arc::clone(definition),
            overrides: overrides.map(Arc::new),
            reserved: decode_reserved(assignment.reserved.unwrap_or_default())?,
            group: assignment.group.into(),
            last_status: decode_status(assignment.last_status)?,
            stopping: assignment.stopping,
            restart_counts: assignment.restart_counts,
        })
    }
}

fn decode_definition(sent: &v1::TaskDefinition) -> Result<TaskDefinition, Malformed> {
    let unreadable = |why: &dyn std::fmt::Display| Malformed::new(format!("task definition {:?}: {why}", sent.id));
    let (family, revision) = sent.id.rsplit_once(':').ok_or_else(|| unreadable(&"its id is not family:revision"))?;
    let id = TaskDefinitionId {
        family: Family::parse(family).map_err(|error| unreadable(&error))?,
        revision: revision.parse().map_err(|error| unreadable(&error))?,
    };
    let document = serde_json::from_slice(&sent.document).map_err(|error| unreadable(&error))?;
    TaskDefinition::from_document(id, Arc::new(document)).map_err(|error| unreadable(&error.source))
}

fn decode_reserved(reserved: v1::Reserved) -> Result<Reserved, Malformed> {
    let ports = reserved.ports.into_iter().map(|port| {
        Ok(PortClaim {
            protocol: match v1::Protocol::try_from(port.protocol) {
                Ok(v1::Protocol::Tcp) => Protocol::Tcp,
                Ok(v1::Protocol::Udp) => Protocol::Udp,
                Ok(v1::Protocol::Unspecified) | Err(_) => {
                    return Err(Malformed::new(format!("protocol number {}", port.protocol)));
                }
            },
            port: u16::try_from(port.port).map_err(|_| Malformed::new(format!("port {} exceeds 65535", port.port)))?,
        })
    });
    Ok(Reserved {
        cpu_units: reserved.cpu_units,
        memory_mib: reserved.memory_mib,
        ports: ports.collect::<Result<_, _>>()?,
        gpus: reserved.gpus.into_iter().map(Arc::from).collect(),
    })
}

fn decode_status(status: i32) -> Result<TaskStatus, Malformed> {
    match v1::TaskStatus::try_from(status) {
        Ok(v1::TaskStatus::Provisioning) => Ok(TaskStatus::Provisioning),
        Ok(v1::TaskStatus::Pending) => Ok(TaskStatus::Pending),
        Ok(v1::TaskStatus::Activating) => Ok(TaskStatus::Activating),
        Ok(v1::TaskStatus::Running) => Ok(TaskStatus::Running),
        Ok(v1::TaskStatus::Deactivating) => Ok(TaskStatus::Deactivating),
        Ok(v1::TaskStatus::Stopping) => Ok(TaskStatus::Stopping),
        Ok(v1::TaskStatus::Deprovisioning) => Ok(TaskStatus::Deprovisioning),
        Ok(v1::TaskStatus::Stopped) => Ok(TaskStatus::Stopped),
        Ok(v1::TaskStatus::Unspecified) | Err(_) => Err(Malformed::new(format!("task status number {status}"))),
    }
}

fn decode_id(bytes: &[u8]) -> Result<u128, Malformed> {
    let bytes: [u8; 16] =
        bytes.try_into().map_err(|_| Malformed::new(format!("an id of {} bytes, not 16", bytes.len())))?;
    Ok(u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(definition: &str) -> v1::ControlMessage {
        v1::ControlMessage {
            definitions: Vec::new(),
            messages: vec![v1::ToNode {
                node: 7,
                body: Some(v1::to_node::Body::Commands(v1::Commands {
                    epoch: 3,
                    session: 4,
                    sequence: 5,
                    start: vec![v1::Assignment {
                        task: encode_id(0xabc),
                        definition: definition.to_owned(),
                        last_status: v1::TaskStatus::Pending.into(),
                        group: "family:web".to_owned(),
                        ..Default::default()
                    }],
                    stop: vec![encode_id(0xdef)],
                })),
            }],
        }
    }

    #[test]
    fn a_definition_is_sent_once_and_named_from_then_on() {
        let mut decoder = Decoder::default();
        let document = br#"{"family":"web","containerDefinitions":[{"name":"a","image":"busybox"}]}"#;
        let definition = v1::TaskDefinition { id: "web:3".to_owned(), document: document.to_vec() };
        let mut first = assignment("web:3");
        first.definitions.push(definition);
        for message in [first, assignment("web:3")] {
            let decoded = decoder.decode(message).unwrap();
            let [(7, Told::Message(ToNode::Commands(commands)))] = &decoded[..] else { panic!("{decoded:?}") };
            assert_eq!(commands.start[0].definition.id.to_string(), "web:3");
            assert_eq!(commands.start[0].task, TaskId::from_u128(0xabc));
            assert_eq!(commands.stop, [TaskId::from_u128(0xdef)]);
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        let mut decoder = Decoder::default();
        let error = decoder.decode(assignment("web:9")).unwrap_err().to_string();
        assert!(error.contains("\"web:9\""), "{error}");
        let empty = v1::ControlMessage { definitions: vec![], messages: vec![v1::ToNode { node: 0, body: None }] };
        assert!(decoder.decode(empty).is_err());
    }
}
