//! Batches and messages as lines a person can read: ids become `t1`, `d1` and the names of nodes.

use plimsoll_core::protocol::ToNode;
use plimsoll_model::{
    Batch, Deployment, DeploymentId, Image, Instance, InstanceId, Service, Task, TaskId, TaskSet, TaskStatus,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub struct Labels {
    tasks: BTreeMap<TaskId, String>,
    by_label: BTreeMap<String, TaskId>,
    deployments: BTreeMap<DeploymentId, String>,
    instances: BTreeMap<InstanceId, String>,
}

impl Labels {
    pub fn task(&mut self, id: TaskId) -> String {
        let next = format!("t{}", self.tasks.len() + 1);
        let label = self.tasks.entry(id).or_insert(next).clone();
        self.by_label.insert(label.clone(), id);
        label
    }

    pub fn find_task(&self, label: &str) -> TaskId {
        *self.by_label.get(label).unwrap_or_else(|| panic!("no task {label}"))
    }

    pub fn deployment(&mut self, id: DeploymentId) -> String {
        let next = format!("d{}", self.deployments.len() + 1);
        self.deployments.entry(id).or_insert(next).clone()
    }

    pub fn find_deployment(&self, label: &str) -> DeploymentId {
        let found = self.deployments.iter().find(|(_, known)| *known == label);
        *found.unwrap_or_else(|| panic!("no deployment {label}")).0
    }

    pub fn name_instance(&mut self, id: InstanceId, name: &str) {
        self.instances.insert(id, name.to_owned());
    }

    pub fn instance(&self, id: InstanceId) -> String {
        self.instances.get(&id).cloned().unwrap_or_else(|| "?".to_owned())
    }

    pub fn place(&self, task: &Task) -> String {
        task.instance.map_or_else(|| "nothing".to_owned(), |instance| self.instance(instance))
    }

    /// Replaces every id in a text.
    pub fn readable(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, label) in &self.tasks {
            text = text.replace(&id.to_string(), label);
        }
        for (id, label) in &self.deployments {
            text = text.replace(&id.to_string(), label);
        }
        for (id, label) in &self.instances {
            text = text.replace(&id.to_string(), label);
        }
        text
    }
}

/// What a batch changed, row by row.
pub fn batch(before: &Image, batch: &Batch, labels: &mut Labels) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(cluster) = &batch.cluster {
        lines.push(format!("cluster {}: {}", cluster.key.name, cluster.status.as_str()));
    }
    for row in batch.instances.values() {
        labels.name_instance(row.id, row.ec2_instance_id.trim_start_matches("i-"));
        lines.extend(instance(before.instances.get(&row.id).map(|row| &**row), row, labels));
    }
    for row in batch.services.values() {
        lines.extend(service(before.services.get(&row.name).map(|row| &**row), row));
    }
    for row in batch.deployments.values() {
        lines.extend(deployment(before.deployments.get(&row.id).map(|row| &**row), row, labels));
    }
    for id in &batch.deployments_removed {
        if before.deployments.contains_key(id) {
            lines.push(format!("deployment {}: gone", labels.deployment(*id)));
        }
    }
    let mut rows: Vec<&Task> =
        batch.tasks_created.values().chain(batch.tasks_updated.values()).map(|row| &**row).collect();
    // In order of creation as far as it is known, so that labels read in order.
    rows.sort_by_key(|row| (row.created_at, labels.tasks.get(&row.id).map_or(usize::MAX, |label| number(label))));
    for row in rows {
        lines.push(task(before.tasks.get(&row.id).map(|row| &**row), row, labels));
    }
    let forgotten: Vec<String> = batch.tasks_removed.iter().map(|id| labels.task(*id)).collect();
    if !forgotten.is_empty() {
        lines.push(format!("forgotten: {}", forgotten.join(" ")));
    }
    for event in batch.events.values() {
        lines.push(format!("event: {}", labels.readable(&event.message)));
    }
    lines
}

fn number(label: &str) -> usize {
    label[1..].parse().expect("t and a number")
}

fn instance(before: Option<&Instance>, row: &Instance, labels: &Labels) -> Option<String> {
    let shown = |row: &Instance| (row.status, row.agent_connected, row.lost);
    if before.map(shown) == Some(shown(row)) {
        return None;
    }
    let connected = if row.agent_connected { "connected" } else { "disconnected" };
    let lost = if row.lost { ", lost" } else { "" };
    let name = labels.instance(row.id);
    Some(format!("instance {name}: {}, {connected}{lost}", row.status.as_str()))
}

fn service(before: Option<&Service>, row: &Service) -> Option<String> {
    let shown = |row: &Service| (row.status, row.desired_count, row.definition.clone());
    if before.map(shown) == Some(shown(row)) {
        return None;
    }
    let definition = row.definition.as_ref().map_or("no definition".to_owned(), ToString::to_string);
    Some(format!("service {}: {}, desired {}, {definition}", row.name, row.status.as_str(), row.desired_count))
}

fn deployment(before: Option<&Deployment>, row: &Deployment, labels: &mut Labels) -> Option<String> {
    if let Some(set) = &row.task_set {
        return task_set(before, row, set, labels);
    }
    let shown =
        |row: &Deployment| (row.status, row.desired_count, row.rollout_state, row.failed_tasks, row.next_start_at);
    if before.map(shown) == Some(shown(row)) {
        return None;
    }
    let mut line = format!(
        "deployment {}: {}, {}, desired {}, {}",
        labels.deployment(row.id),
        row.status.as_str(),
        row.definition,
        row.desired_count,
        row.rollout_state.as_str()
    );
    if row.failed_tasks > 0 {
        line += &format!(", {} failed", row.failed_tasks);
    }
    if let Some(at) = row.next_start_at {
        line += &format!(", next start in {} s", at.millis_since(row.updated_at) / 1_000);
    }
    Some(line)
}

fn task_set(before: Option<&Deployment>, row: &Deployment, set: &TaskSet, labels: &mut Labels) -> Option<String> {
    let shown = |row: &Deployment, set: &TaskSet| {
        (row.status, row.desired_count, row.failed_tasks, row.next_start_at, set.scale, set.stability)
    };
    let shown_before = before.and_then(|before| Some(shown(before, before.task_set.as_ref()?)));
    if shown_before == Some(shown(row, set)) {
        return None;
    }
    let mut line = format!(
        "task set {}: {}, {}, scale {} %, desired {}, {}",
        labels.deployment(row.id),
        row.status.as_str(),
        row.definition,
        f64::from(set.scale.thousandths()) / 1_000.0,
        row.desired_count,
        set.stability.as_str()
    );
    if let Some(at) = row.next_start_at {
        line += &format!(", next start in {} s", at.millis_since(row.updated_at) / 1_000);
    }
    Some(line)
}

fn task(before: Option<&Task>, row: &Task, labels: &mut Labels) -> String {
    let label = labels.task(row.id);
    let Some(before) = before else {
        return format!(
            "task {label} {}: {} ({})",
            row.instance.map_or("waits".to_owned(), |instance| format!("on {}", labels.instance(instance))),
            row.last_status.as_str(),
            row.definition
        );
    };
    let mut what = Vec::new();
    if before.instance != row.instance {
        what.push(format!("on {}", labels.place(row)));
    }
    if before.last_status != row.last_status {
        what.push(row.last_status.as_str().to_owned());
    }
    if before.health != row.health {
        what.push(row.health.as_str().to_owned());
    }
    if before.desired_status != row.desired_status {
        what.push("to stop".to_owned());
    }
    if before.stop_code != row.stop_code {
        let code = row.stop_code.map_or("no code", |code| code.as_str());
        let reason = labels.readable(row.stopped_reason.as_deref().unwrap_or("no reason"));
        what.push(format!("{code}: {reason}"));
    }
    if before.protected_until.is_some() != row.protected_until.is_some() {
        what.push(if row.is_protected() { "protected" } else { "no longer protected" }.to_owned());
    }
    if what.is_empty() {
        what.push(format!("version {}", row.version));
    }
    if row.last_status == TaskStatus::Stopped && row.started_at.is_none() {
        what.push("never ran".to_owned());
    }
    format!("task {label}: {}", what.join(", "))
}

/// Acknowledgements are not shown.
pub fn message(node: &str, message: &ToNode, labels: &mut Labels) -> Option<String> {
    let mut list = |verb: &str, ids: &[TaskId]| {
        let mut named: Vec<String> = ids.iter().map(|id| labels.task(*id)).collect();
        named.sort_by_key(|label| number(label));
        (!named.is_empty()).then(|| format!(" {verb} {}", named.join(" ")))
    };
    match message {
        ToNode::Acknowledge { .. } => None,
        ToNode::Refused { reason } => Some(format!("{node} <- refused: {}", labels.readable(reason))),
        ToNode::Commands(commands) => {
            let start: Vec<TaskId> = commands.start.iter().map(|one| one.task).collect();
            let parts = [list("start", &start), list("stop", &commands.stop)];
            Some(format!("{node} <-{}", parts.into_iter().flatten().collect::<Vec<_>>().join(",")))
        }
        ToNode::Welcome(welcome) => {
            let ids = |stopping: bool| -> Vec<TaskId> {
                welcome.desired.iter().filter(|one| one.stopping == stopping).map(|one| one.task).collect()
            };
            let parts = [list("run", &ids(false)), list("stop", &ids(true))];
            Some(format!("{node} <- welcome{}", parts.into_iter().flatten().collect::<Vec<_>>().join(",")))
        }
    }
}
