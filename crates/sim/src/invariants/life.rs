//! Life cycles: states only move forward, identities never change.

use super::Step;
use crate::coverage::Coverage;
use crate::violation::{Broken, require};
use plimsoll_model::{Batch, Change, DesiredStatus, Image, InstanceId, RolloutState, Task, TaskDefinitionId, TaskId};
use std::collections::BTreeMap;

/// What rows were when they were first stored, over all cores.
#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    tasks: BTreeMap<TaskId, (InstanceId, TaskDefinitionId)>,
}

impl Lifetimes {
    /// I-10: a task's instance, definition and deployment never change; an id is never given twice.
    pub fn i_10_identity_of_rows_never_changes(&mut self, batch: &Batch) -> Result<(), Broken> {
        for task in batch.tasks_created.values() {
            let before = self.tasks.insert(task.id, (task.instance, task.definition.clone()));
            require(before.is_none(), "I-10", || format!("{} was created twice", task.id))?;
        }
        for task in batch.tasks_updated.values() {
            let same = self.tasks.get(&task.id) == Some(&(task.instance, task.definition.clone()));
            require(same, "I-10", || format!("{} is another task than before", task.id))?;
        }
        Ok(())
    }
}

/// I-17: no backward move of a task or container, and every change has a new version.
pub(super) fn i_17_states_only_move_forward(step: &Step) -> Result<(), Broken> {
    let mut newest: BTreeMap<TaskId, &Task> = BTreeMap::new();
    for change in step.changes {
        let (Change::TaskCreated(row) | Change::TaskUpdated(row)) = change else { continue };
        let before = newest.get(&row.id).copied().or_else(|| step.before.tasks.get(&row.id).map(|task| &**task));
        if let Some(before) = before {
            forward(before, row)?;
        }
        newest.insert(row.id, row);
    }
    Ok(())
}

/// I-17, of what is stored: over crashes too.
pub(super) fn i_17_stored_rows_only_move_forward(stored: &Image, batch: &Batch) -> Result<(), Broken> {
    for task in batch.tasks_updated.values() {
        if let Some(before) = stored.tasks.get(&task.id) {
            forward(before, task)?;
        }
    }
    Ok(())
}

fn forward(before: &Task, after: &Task) -> Result<(), Broken> {
    let id = after.id;
    let wanted = before.desired_status == DesiredStatus::Running || after.desired_status == DesiredStatus::Stopped;
    require(wanted, "I-17", || format!("{id} is wanted again"))?;
    require(after.last_status >= before.last_status, "I-17", || {
        format!("{id} went from {} to {}", before.last_status.as_str(), after.last_status.as_str())
    })?;
    require(after.version > before.version, "I-17", || format!("{id} changed and is still version {}", after.version))?;
    for (old, new) in before.containers.iter().zip(&after.containers) {
        require(new.last_status >= old.last_status, "I-17", || format!("container {} of {id} went back", new.name))?;
    }
    let stopped = after.is_stopped();
    require(!stopped || after.stopped_at.is_some(), "I-17", || format!("{id} stopped at no time"))?;
    require(!stopped || after.desired_status == DesiredStatus::Stopped, "I-17", || {
        format!("{id} is STOPPED and wanted")
    })
}

/// Which edges of the state machines the step went along.
pub(super) fn cover(step: &Step, coverage: &mut Coverage) {
    for change in step.changes {
        match change {
            Change::TaskCreated(_) => coverage.count("task created"),
            Change::TaskUpdated(row) => {
                let Some(before) = step.before.tasks.get(&row.id) else { continue };
                if before.last_status != row.last_status {
                    let (from, to) = (before.last_status.as_str(), row.last_status.as_str());
                    coverage.count(format!("task {from} -> {to}"));
                }
                if let Some(code) = row.stop_code.filter(|_| before.stop_code.is_none()) {
                    coverage.count(format!("task stop {}", code.as_str()));
                }
            }
            Change::Deployment(row) => {
                let Some(before) = step.before.deployments.get(&row.id) else { continue };
                if before.rollout_state != row.rollout_state {
                    let (from, to) = (before.rollout_state.as_str(), row.rollout_state.as_str());
                    coverage.count(format!("rollout {from} -> {to}"));
                }
                if row.rolling_back.is_some() && before.rolling_back.is_none() {
                    coverage.count("rollback");
                }
                if before.rolling_back.is_some() && row.rollout_state == RolloutState::Failed {
                    coverage.count("rollback failed");
                }
                if before.rolling_back.is_some() && row.rollout_state == RolloutState::Completed {
                    coverage.count("rollback completed");
                }
                if before.status != row.status {
                    coverage.count(format!("deployment {} -> {}", before.status.as_str(), row.status.as_str()));
                }
            }
            Change::Service(row) => {
                let Some(before) = step.before.services.get(&row.name) else { continue };
                if before.status != row.status {
                    coverage.count(format!("service {} -> {}", before.status.as_str(), row.status.as_str()));
                }
            }
            Change::Instance(row) => {
                let Some(before) = step.before.instances.get(&row.id) else { continue };
                if row.lost && !before.lost {
                    coverage.count("instance lost");
                }
                match (before.agent_connected, row.agent_connected) {
                    (false, true) => coverage.count("instance connected"),
                    (true, false) => coverage.count("instance disconnected"),
                    _ => {}
                }
            }
            Change::DeploymentRemoved(_) => coverage.count("deployment forgotten"),
            Change::TaskRemoved(_) | Change::ServiceRemoved(_) | Change::InstanceRemoved(_) => {
                coverage.count("rows forgotten");
            }
            _ => {}
        }
    }
}
