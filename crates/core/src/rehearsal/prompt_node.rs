//! A node on which everything succeeds at once.

use crate::command::RegisterContainerInstance;
use crate::protocol::{Assignment, FromNode, Hello, Report, StopCause, TaskReport, ToNode};
use plimsoll_model::{
    Container, Epoch, HealthStatus, Image, Instance, SessionId, Task, TaskDefinition, TaskId, TaskStatus,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct PromptNode {
    registration: RegisterContainerInstance,
    tasks: BTreeMap<TaskId, TaskReport>,
    untold: Vec<TaskId>,
    session: Option<SessionId>,
    sequence: u64,
}

impl PromptNode {
    /// As it is by now, with its tasks already where they are going.
    pub fn new(image: &Image, row: &Instance) -> Self {
        let tasks = image.tasks_of_instance(row.id).filter(|task| !task.is_stopped());
        PromptNode {
            registration: RegisterContainerInstance {
                instance: Some(row.id),
                resources: row.registered.clone(),
                attributes: row.attributes.clone(),
                version_info: row.version_info.clone(),
                ec2_instance_id: Some(Arc::clone(&row.ec2_instance_id)),
                tags: row.tags.clone(),
            },
            tasks: tasks.map(|task| (task.id, as_it_will_be(task, &image.definitions[&task.definition]))).collect(),
            untold: Vec::new(),
            session: None,
            sequence: 0,
        }
    }

    pub fn hello(&self) -> FromNode {
        FromNode::Hello(Box::new(Hello {
            registration: self.registration.clone(),
            inventory: self.tasks.values().cloned().collect(),
            epoch: Epoch(0),
        }))
    }

    pub fn receive(&mut self, message: &ToNode) {
        match message {
            ToNode::Welcome(welcome) => {
                self.session = Some(welcome.session);
                self.sequence = 0;
                self.untold.clear();
                welcome.desired.iter().for_each(|assignment| self.assign(assignment));
            }
            ToNode::Commands(commands) => {
                commands.start.iter().for_each(|assignment| self.assign(assignment));
                commands.stop.iter().for_each(|task| self.stop(*task));
            }
            ToNode::Acknowledge { .. } | ToNode::Refused { .. } => {}
        }
    }

    fn assign(&mut self, assignment: &Assignment) {
        if let Entry::Vacant(place) = self.tasks.entry(assignment.task) {
            let definition = &assignment.definition;
            let containers = definition.containers.iter().map(|spec| Container::pending(Arc::clone(&spec.name)));
            let mut report = blank(assignment.task, containers.collect());
            run(&mut report, definition);
            place.insert(report);
            self.untold.push(assignment.task);
        }
        if assignment.stopping {
            self.stop(assignment.task);
        }
    }

    fn stop(&mut self, task: TaskId) {
        if let Some(report) = self.tasks.get_mut(&task) {
            end(report);
            self.untold.push(task);
        }
    }

    /// What happened since it was last asked.
    pub fn report(&mut self) -> Option<FromNode> {
        let session = self.session?;
        let tasks: Vec<TaskReport> =
            std::mem::take(&mut self.untold).iter().filter_map(|task| self.tasks.get(task).cloned()).collect();
        self.tasks.retain(|_, report| report.status != TaskStatus::Stopped);
        if tasks.is_empty() {
            return None;
        }
        self.sequence += 1;
        Some(FromNode::Report(Report { session, sequence: self.sequence, tasks }))
    }
}

fn blank(task: TaskId, containers: Vec<Container>) -> TaskReport {
    TaskReport {
        task,
        status: TaskStatus::Pending,
        containers,
        stop: None,
        pull_started_at: None,
        pull_stopped_at: None,
        execution_stopped_at: None,
    }
}

/// What runs goes on as it is, healthy or not.
fn as_it_will_be(task: &Task, definition: &TaskDefinition) -> TaskReport {
    let mut report = blank(task.id, task.containers.clone());
    report.status = task.last_status;
    if task.is_stopping() {
        end(&mut report);
    } else if task.last_status < TaskStatus::Running {
        run(&mut report, definition);
    }
    report
}

fn run(report: &mut TaskReport, definition: &TaskDefinition) {
    report.status = TaskStatus::Running;
    for (container, spec) in report.containers.iter_mut().zip(&definition.containers) {
        container.last_status = TaskStatus::Running;
        container.health = if spec.health_check.is_some() { HealthStatus::Healthy } else { HealthStatus::Unknown };
    }
}

fn end(report: &mut TaskReport) {
    report.status = TaskStatus::Stopped;
    report.stop = Some(StopCause::Requested);
    report.containers.iter_mut().for_each(|container| container.last_status = TaskStatus::Stopped);
}
