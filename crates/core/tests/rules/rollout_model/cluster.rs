//! A real core and nodes that say what the test wants them to say.

use super::story::Event;
use crate::harness::{FakeNode, config, create_service, resources, update_service};
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::protocol::{FromNode, Report, StopCause, TaskReport, ToNode};
use plimsoll_core::{ClusterCore, Command, Effect, Input, Outbox, RequestId};
use plimsoll_model::{
    Attribute, Change, Container, DeploymentId, DeploymentStatus, Family, HealthStatus, Image, InstanceId,
    InstanceStatus, PlacementStrategy, RolloutState, ServiceName, SessionId, TaskDefinition, TaskDefinitionId, TaskId,
    TaskStatus, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// CPU units and MiB of each task.
const TASK_SIZE: u32 = 64;

pub struct Cluster {
    pub core: ClusterCore,
    pub service: ServiceName,
    now: Timestamp,
    nodes: Vec<Node>,
    deployments: Vec<DeploymentId>,
    /// By label.
    tasks: Vec<TaskId>,
    labels: BTreeMap<TaskId, usize>,
    requests: u64,
}

struct Node {
    connection: ConnectionId,
    instance: InstanceId,
    session: SessionId,
    reports: u64,
}

/// What the core did in a step.
#[derive(Debug, Default)]
pub struct Moves {
    pub started: Vec<Started>,
    /// Labels, in order.
    pub stopped: Vec<usize>,
    pub said: Said,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Started {
    pub label: usize,
    pub deployment: usize,
    pub instance: usize,
}

/// Events by their kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Said {
    pub steady: usize,
    pub completed: usize,
    pub blocked: usize,
    pub unplaced: usize,
}

/// A node, by how many tasks its CPU and its memory have room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Host {
    pub cpu_slots: usize,
    pub memory_slots: usize,
    /// By number.
    pub zone: Option<usize>,
}

impl Cluster {
    /// Nodes with room for so many tasks each.
    pub fn new(slots: &[usize], healthy_ms: i64) -> Self {
        let host = |slots: &usize| Host { cpu_slots: *slots, memory_slots: *slots, zone: None };
        Cluster::of(&slots.iter().map(host).collect::<Vec<_>>(), healthy_ms)
    }

    pub fn of(hosts: &[Host], healthy_ms: i64) -> Self {
        let mut config = config();
        config.healthy_ms = healthy_ms as u64;
        let now = Timestamp::from_millis(1_000_000);
        let mut out = Outbox::default();
        let core = ClusterCore::load(config, Image::default(), now, &mut out).unwrap();
        let service = ServiceName::parse("web").unwrap();
        let mut cluster = Cluster {
            core,
            service,
            now,
            nodes: Vec::new(),
            deployments: Vec::new(),
            tasks: Vec::new(),
            labels: BTreeMap::new(),
            requests: 0,
        };
        hosts.iter().for_each(|host| cluster.add_node(*host));
        cluster
    }

    fn add_node(&mut self, host: Host) {
        let connection = ConnectionId(self.nodes.len() as u64 + 1);
        let size = resources(host.cpu_slots as u32 * TASK_SIZE, host.memory_slots as u32 * TASK_SIZE);
        let zone = |number: usize| Attribute { value: Some(format!("zone-{number}").into()), custom: false };
        let zone = host.zone.map(|number| ("ecs.availability-zone".into(), zone(number)));
        let hello = FakeNode::new(&format!("n{}", connection.0), size, zone.into_iter().collect()).hello();
        let mut out = Outbox::default();
        self.core.step(self.now, Input::Node { connection, message: hello }, &mut out);
        self.core.step(self.now, Input::Reconcile, &mut out);
        let welcome = out.effects.iter().find_map(|effect| match effect {
            Effect::Send { message: ToNode::Welcome(welcome), .. } => Some(welcome),
            _ => None,
        });
        let welcome = welcome.expect("a node that says hello is welcome");
        self.nodes.push(Node { connection, instance: welcome.instance, session: welcome.session, reports: 0 });
    }

    pub fn create(&mut self, desired: usize, minimum: usize, maximum: usize, checks_health: bool) -> Moves {
        let mut request = create_service("web", definition(checks_health), desired as u32);
        request.deployment_configuration.minimum_healthy_percent = minimum as u32;
        request.deployment_configuration.maximum_percent = maximum as u32;
        self.create_service(request)
    }

    pub fn create_placed(&mut self, desired: usize, strategies: &[PlacementStrategy]) -> Moves {
        let mut request = create_service("web", definition(false), desired as u32);
        request.placement_strategy = strategies.to_vec();
        self.create_service(request)
    }

    fn create_service(&mut self, request: plimsoll_core::command::CreateService) -> Moves {
        let mut out = Outbox::default();
        self.command(Command::CreateService(Box::new(request)), &mut out);
        self.finish(out)
    }

    /// All events in one batch, then a reconcile, as a shell does it.
    pub fn step(&mut self, events: &[Event]) -> Moves {
        let mut out = Outbox::default();
        for event in events {
            self.perform(*event, &mut out);
        }
        self.finish(out)
    }

    fn perform(&mut self, event: Event, out: &mut Outbox) {
        match event {
            Event::Runs(label) => self.report(label, TaskStatus::Running, HealthStatus::Unknown, None, out),
            Event::BecomesHealthy(label) => self.report(label, TaskStatus::Running, HealthStatus::Healthy, None, out),
            Event::BecomesUnhealthy(label) => {
                self.report(label, TaskStatus::Running, HealthStatus::Unhealthy, None, out);
            }
            Event::FailsToStart(label) => {
                let reason = "CannotPullContainerError: no such image".into();
                self.stopped(label, StopCause::FailedToStart { reason }, out);
            }
            Event::Exits(label) => self.stopped(label, StopCause::EssentialContainerExited, out),
            Event::Stopped(label) => self.stopped(label, StopCause::Requested, out),
            Event::Update => self.update(|request| request.force_new_deployment = true, out),
            Event::Resize(desired) => self.update(|request| request.desired_count = Some(desired as u32), out),
            Event::Bounds(minimum, maximum) => {
                let set = |request: &mut plimsoll_core::command::UpdateService| {
                    request.minimum_healthy_percent = Some(minimum as u32);
                    request.maximum_percent = Some(maximum as u32);
                };
                self.update(set, out);
            }
            Event::Drain(instance) => self.set_status(instance, InstanceStatus::Draining, out),
            Event::Activate(instance) => self.set_status(instance, InstanceStatus::Active, out),
            Event::Time(now) => self.now = Timestamp::from_millis(now),
        }
    }

    pub fn now(&self) -> i64 {
        self.now.as_millis()
    }

    pub fn is_complete(&self) -> bool {
        let primary = self.core.image().primary_deployment(&self.service).expect("an ACTIVE service has a primary");
        primary.rollout_state == RolloutState::Completed
    }

    /// Listed deployments that are not the PRIMARY.
    pub fn old_deployments(&self) -> usize {
        let all = self.core.image().deployments_of_service(&self.service);
        all.filter(|row| row.status == DeploymentStatus::Active).count()
    }

    fn update(&mut self, edit: impl FnOnce(&mut plimsoll_core::command::UpdateService), out: &mut Outbox) {
        let mut request = update_service("web");
        edit(&mut request);
        self.command(Command::UpdateService(Box::new(request)), out);
    }

    fn set_status(&mut self, instance: usize, status: InstanceStatus, out: &mut Outbox) {
        let instances = vec![self.nodes[instance].instance];
        self.command(Command::UpdateContainerInstancesState { instances, status }, out);
    }

    fn command(&mut self, command: Command, out: &mut Outbox) {
        self.requests += 1;
        let request = RequestId(self.requests);
        self.core.step(self.now, Input::Command { request, command }, out);
        let reply = out.replies.pop().expect("every command has a reply");
        reply.result.expect("the commands of this test are valid");
    }

    fn stopped(&mut self, label: usize, cause: StopCause, out: &mut Outbox) {
        self.report(label, TaskStatus::Stopped, HealthStatus::Unknown, Some(cause), out);
    }

    fn report(
        &mut self,
        label: usize,
        status: TaskStatus,
        health: HealthStatus,
        stop: Option<StopCause>,
        out: &mut Outbox,
    ) {
        let id = self.tasks[label];
        let instance = self.core.image().tasks[&id].instance.expect("placed");
        let exited = matches!(stop, Some(StopCause::EssentialContainerExited)).then_some(1);
        let container =
            Container { last_status: status, health, exit_code: exited, ..Container::pending("app".into()) };
        let task = TaskReport {
            task: id,
            status,
            containers: vec![container],
            stop,
            pull_started_at: None,
            pull_stopped_at: None,
            execution_stopped_at: None,
        };
        let node = self.nodes.iter_mut().find(|node| node.instance == instance).expect("all instances are nodes here");
        node.reports += 1;
        let report = Report { session: node.session, sequence: node.reports, tasks: vec![task] };
        let input = Input::Node { connection: node.connection, message: FromNode::Report(report) };
        self.core.step(self.now, input, out);
    }

    /// Reconciles, and reads from rows what was done; what nodes are told must say the same.
    fn finish(&mut self, mut out: Outbox) -> Moves {
        self.core.step(self.now, Input::Reconcile, &mut out);
        let mut moves = Moves::default();
        for change in &out.changes {
            match change {
                Change::Deployment(row) if !self.deployments.contains(&row.id) => self.deployments.push(row.id),
                Change::TaskCreated(row) => {
                    let number = |id: DeploymentId| self.deployments.iter().position(|known| *known == id);
                    let label = self.tasks.len();
                    self.tasks.push(row.id);
                    self.labels.insert(row.id, label);
                    moves.started.push(Started {
                        label,
                        deployment: row.deployment.and_then(number).expect("a deployment of the service"),
                        instance: self
                            .nodes
                            .iter()
                            .position(|node| Some(node.instance) == row.instance)
                            .expect("a node"),
                    });
                }
                Change::Event(event) => moves.said.add(&event.message),
                _ => {}
            }
        }
        let (mut told_to_start, mut told_to_stop) = (Vec::new(), Vec::new());
        for effect in &out.effects {
            if let Effect::Send { message: ToNode::Commands(commands), .. } = effect {
                told_to_start.extend(commands.start.iter().map(|one| self.labels[&one.task]));
                told_to_stop.extend(commands.stop.iter().map(|task| self.labels[task]));
            }
        }
        told_to_start.sort_unstable();
        told_to_stop.sort_unstable();
        let started: Vec<usize> = moves.started.iter().map(|one| one.label).collect();
        assert_eq!(told_to_start, started, "nodes are told to start what was placed");
        moves.stopped = told_to_stop;
        moves
    }
}

impl Said {
    fn add(&mut self, message: &str) {
        for (text, count) in [
            ("has reached a steady state", &mut self.steady),
            ("deployment completed", &mut self.completed),
            ("unable to stop or start tasks during a deployment", &mut self.blocked),
            ("was unable to place a task", &mut self.unplaced),
        ] {
            *count += usize::from(message.contains(text));
        }
    }
}

fn definition(checks_health: bool) -> Arc<TaskDefinition> {
    let id = TaskDefinitionId { family: Family::parse("web").unwrap(), revision: 1 };
    let mut container = serde_json::json!({ "name": "app", "image": "busybox", "cpu": TASK_SIZE, "memory": TASK_SIZE });
    if checks_health {
        container["healthCheck"] = serde_json::json!({ "command": ["CMD", "true"] });
    }
    let document = serde_json::json!({ "family": "web", "containerDefinitions": [container] });
    Arc::new(TaskDefinition::from_document(id, Arc::new(document)).unwrap())
}
