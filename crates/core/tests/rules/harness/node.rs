//! A node that does at once what it is told, or fails in a chosen way.

use plimsoll_core::Input;
use plimsoll_core::cluster::ConnectionId;
use plimsoll_core::command::RegisterContainerInstance;
use plimsoll_core::protocol::{Assignment, FromNode, Hello, Report, StopCause, TaskReport, ToNode};
use plimsoll_model::{
    Attribute, Container, Epoch, HealthStatus, InstanceId, Resources, SessionId, Tags, TaskId, TaskStatus,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// What becomes of the tasks of a definition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Behaviour {
    #[default]
    Run,
    FailToStart,
    Unhealthy,
    /// Stays PENDING.
    Hang,
    /// Runs, and does not react to being stopped.
    Deaf,
}

impl Behaviour {
    pub fn parse(text: &str) -> Self {
        match text {
            "run" => Behaviour::Run,
            "fail" => Behaviour::FailToStart,
            "unhealthy" => Behaviour::Unhealthy,
            "hang" => Behaviour::Hang,
            "deaf" => Behaviour::Deaf,
            other => panic!("no behaviour {other}"),
        }
    }
}

#[derive(Debug)]
struct NodeTask {
    report: TaskReport,
    behaviour: Behaviour,
    checks_health: bool,
}

#[derive(Debug)]
pub struct FakeNode {
    pub name: String,
    pub connection: Option<ConnectionId>,
    pub instance: Option<InstanceId>,
    pub outgoing: VecDeque<TaskReport>,
    /// By `family:revision`.
    pub behaviours: BTreeMap<String, Behaviour>,
    pub resources: Resources,
    attributes: BTreeMap<Arc<str>, Attribute>,
    session: Option<SessionId>,
    sequence: u64,
    commands: u64,
    tasks: BTreeMap<TaskId, NodeTask>,
}

impl FakeNode {
    pub fn new(name: &str, resources: Resources, attributes: BTreeMap<Arc<str>, Attribute>) -> Self {
        FakeNode {
            name: name.to_owned(),
            connection: None,
            instance: None,
            outgoing: VecDeque::new(),
            behaviours: BTreeMap::new(),
            resources,
            attributes,
            session: None,
            sequence: 0,
            commands: 0,
            tasks: BTreeMap::new(),
        }
    }

    pub fn hello(&self) -> FromNode {
        FromNode::Hello(Box::new(Hello {
            registration: RegisterContainerInstance {
                instance: self.instance,
                resources: self.resources.clone(),
                attributes: self.attributes.clone(),
                version_info: super::version_info(),
                ec2_instance_id: Some(format!("i-{}", self.name).into()),
                tags: Tags::new(),
            },
            inventory: self.tasks.values().map(|task| task.report.clone()).collect(),
            epoch: Epoch(0),
        }))
    }

    pub fn receive(&mut self, message: &ToNode) {
        match message {
            ToNode::Welcome(welcome) => {
                self.instance = Some(welcome.instance);
                self.session = Some(welcome.session);
                self.sequence = 0;
                self.commands = welcome.sequence;
                self.outgoing.clear();
                let known: Vec<TaskId> = self.tasks.keys().copied().collect();
                for id in known.into_iter().filter(|id| welcome.desired.iter().all(|one| one.task != *id)) {
                    self.tasks.remove(&id);
                }
                welcome.desired.iter().for_each(|assignment| self.assign(assignment));
            }
            ToNode::Commands(commands) => {
                assert_eq!(Some(commands.session), self.session, "commands of another session");
                assert_eq!(commands.sequence, self.commands + 1, "a gap in the command numbers");
                self.commands = commands.sequence;
                commands.start.iter().for_each(|assignment| self.assign(assignment));
                commands.stop.iter().for_each(|task| self.stop(*task));
            }
            ToNode::Acknowledge { .. } | ToNode::Refused { .. } => {}
        }
    }

    fn assign(&mut self, assignment: &Assignment) {
        let known = self.tasks.contains_key(&assignment.task);
        if assignment.stopping {
            if !known {
                self.tasks.insert(assignment.task, self.new_task(assignment));
            }
            return self.stop(assignment.task);
        }
        if known {
            return;
        }
        let mut task = self.new_task(assignment);
        let lost = assignment.last_status >= TaskStatus::Running;
        match task.behaviour {
            _ if lost => finish(&mut task.report, StopCause::EssentialContainerExited, Some(137)),
            Behaviour::Hang => {}
            Behaviour::FailToStart => {
                let reason = "CannotPullContainerError: no such image".into();
                finish(&mut task.report, StopCause::FailedToStart { reason }, None);
            }
            Behaviour::Run | Behaviour::Deaf | Behaviour::Unhealthy => {
                task.report.status = TaskStatus::Running;
                let health = match (task.checks_health, task.behaviour) {
                    (false, _) => HealthStatus::Unknown,
                    (true, Behaviour::Unhealthy) => HealthStatus::Unhealthy,
                    (true, _) => HealthStatus::Healthy,
                };
                for container in &mut task.report.containers {
                    container.last_status = TaskStatus::Running;
                    container.health = health;
                }
            }
        }
        if task.behaviour != Behaviour::Hang {
            self.outgoing.push_back(task.report.clone());
        }
        self.tasks.insert(assignment.task, task);
    }

    fn new_task(&self, assignment: &Assignment) -> NodeTask {
        let containers = assignment.definition.containers.iter();
        NodeTask {
            behaviour: self.behaviours.get(&assignment.definition.id.to_string()).copied().unwrap_or_default(),
            checks_health: assignment.definition.containers.iter().any(|one| one.health_check.is_some()),
            report: TaskReport {
                task: assignment.task,
                status: TaskStatus::Pending,
                containers: containers.map(|spec| Container::pending(Arc::clone(&spec.name))).collect(),
                stop: None,
                pull_started_at: None,
                pull_stopped_at: None,
                execution_stopped_at: None,
            },
        }
    }

    fn stop(&mut self, id: TaskId) {
        let Some(task) = self.tasks.get_mut(&id).filter(|task| task.behaviour != Behaviour::Deaf) else { return };
        if task.report.status != TaskStatus::Stopped {
            finish(&mut task.report, StopCause::Requested, Some(143));
        }
        self.outgoing.push_back(task.report.clone());
    }

    /// Stops what it was deaf to before.
    pub fn hear(&mut self) {
        for task in self.tasks.values_mut() {
            if task.behaviour == Behaviour::Deaf {
                task.behaviour = Behaviour::Run;
            }
        }
    }

    /// The container of a task exits by itself.
    pub fn exit(&mut self, id: TaskId) {
        let task = self.tasks.get_mut(&id).unwrap_or_else(|| panic!("{} has no task {id}", self.name));
        finish(&mut task.report, StopCause::EssentialContainerExited, Some(1));
        self.outgoing.push_back(task.report.clone());
    }

    pub fn set_health(&mut self, id: TaskId, health: HealthStatus) {
        let task = self.tasks.get_mut(&id).unwrap_or_else(|| panic!("{} has no task {id}", self.name));
        task.report.containers.iter_mut().for_each(|container| container.health = health);
        self.outgoing.push_back(task.report.clone());
    }

    pub fn has(&self, id: TaskId) -> bool {
        self.tasks.contains_key(&id)
    }

    /// All it has to say, as one report.
    pub fn take_all(&mut self) -> Option<Input> {
        let tasks: Vec<TaskReport> = self.outgoing.drain(..).collect();
        self.report(tasks)
    }

    pub fn take_one(&mut self) -> Option<Input> {
        let task = self.outgoing.pop_front()?;
        self.report(vec![task])
    }

    fn report(&mut self, tasks: Vec<TaskReport>) -> Option<Input> {
        let (connection, session) = (self.connection?, self.session?);
        if tasks.is_empty() {
            return None;
        }
        self.sequence += 1;
        let message = FromNode::Report(Report { session, sequence: self.sequence, tasks });
        Some(Input::Node { connection, message })
    }
}

fn finish(report: &mut TaskReport, cause: StopCause, exit_code: Option<i32>) {
    report.status = TaskStatus::Stopped;
    report.stop = Some(cause);
    for container in &mut report.containers {
        container.last_status = TaskStatus::Stopped;
        container.exit_code = exit_code;
    }
}
