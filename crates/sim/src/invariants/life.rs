//! Life cycles: states only move forward, identities never change.

use super::Step;
use crate::coverage::{Coverage, Point};
use crate::violation::{Broken, require};
use plimsoll_model::{
    Batch, Change, ClusterStatus, DesiredStatus, Image, InstanceId, RolloutState, Task, TaskDefinitionId, TaskId,
};
use std::collections::BTreeMap;

/// What rows were when they were first stored, over all cores.
#[derive(Debug, Default)]
pub(super) struct Lifetimes {
    tasks: BTreeMap<TaskId, (Option<InstanceId>, TaskDefinitionId)>,
}

impl Lifetimes {
    /// I-10: a task's definition and deployment never change, nor its instance once it has one; an id is never given
    /// twice.
    pub fn i_10_identity_of_rows_never_changes(&mut self, batch: &Batch) -> Result<(), Broken> {
        for task in batch.tasks_created.values() {
            let before = self.tasks.insert(task.id, (task.instance, task.definition.clone()));
            require(before.is_none(), "I-10", || format!("{} was created twice", task.id))?;
        }
        for task in batch.tasks_updated.values() {
            if let Some((instance @ None, _)) = self.tasks.get_mut(&task.id) {
                *instance = task.instance;
            }
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
            // I-15: it was decided on the state the last change of this writer left, not on an older one.
            require(row.version == before.version + 1, "I-15", || {
                format!("{} went from version {} to {}", row.id, before.version, row.version)
            })?;
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
            require(task.version > before.version, "I-15", || {
                format!("{} is stored over version {} as version {}", task.id, before.version, task.version)
            })?;
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
    for (old, new) in before.containers.iter().zip(&after.containers) {
        require(new.last_status >= old.last_status, "I-17", || format!("container {} of {id} went back", new.name))?;
    }
    let stopped = after.is_stopped();
    require(!stopped || after.stopped_at.is_some(), "I-17", || format!("{id} stopped at no time"))?;
    require(!stopped || after.desired_status == DesiredStatus::Stopped, "I-17", || {
        format!("{id} is STOPPED and wanted")
    })
}

/// I-27: a definition that rows name is as it was registered, deregistered or not.
pub(super) fn i_27_named_definitions_are_kept(step: &Step) -> Result<(), Broken> {
    for change in step.changes {
        match change {
            Change::DefinitionReferenced(row) => step.definitions.i_27_names_are_kept(row)?,
            Change::TaskCreated(row) => {
                let kept = step.after.definitions.contains_key(&row.definition) || row.is_stopped();
                require(kept, "I-27", || format!("{} names {}, which is not kept", row.id, row.definition))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// I-28: no row without the rows it belongs to.
pub(super) fn i_28_no_row_hangs_in_the_air(step: &Step) -> Result<(), Broken> {
    let after = step.after;
    for change in step.changes {
        match change {
            Change::TaskCreated(row) => {
                let on = row.instance.is_none_or(|id| after.instances.contains_key(&id));
                let deployment = row.deployment.is_none_or(|id| after.deployments.contains_key(&id));
                let service = row.service.as_ref().is_none_or(|name| after.services.contains_key(name));
                require(on && deployment && service, "I-28", || format!("{row:?} belongs to what does not exist"))?;
            }
            Change::Deployment(row) => {
                let kept = !after.deployments.contains_key(&row.id) || after.services.contains_key(&row.service);
                require(kept, "I-28", || format!("{} is of {}, which does not exist", row.id, row.service))?;
            }
            Change::Event(row) => {
                require(
                    after.services.contains_key(&row.service) || after.events_of_service(&row.service).next().is_none(),
                    "I-28",
                    || format!("an event of {}, which does not exist", row.service),
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Which row and what state, for comparing runs.
pub(super) fn digest(change: &Change) -> u64 {
    let half = |id: u128| id as u64;
    match change {
        Change::Cluster(_) => 1,
        Change::Instance(row) => half(row.id.as_u128()) ^ row.base_version,
        Change::InstanceRemoved(id) => half(id.as_u128()) ^ 3,
        Change::Usage(id, usage) => half(id.as_u128()) ^ usage.cpu_units.rotate_left(20) ^ usage.memory_mib,
        Change::Service(row) => row.next_event_sequence ^ u64::from(row.desired_count).rotate_left(40),
        Change::ServiceRemoved(_) => 6,
        Change::Deployment(row) => u64::from(row.desired_count) ^ row.updated_at.as_millis().unsigned_abs(),
        Change::DeploymentRemoved(_) => 8,
        Change::ServiceDeployment(row) => row.id.as_u64() ^ (row.status as u64).rotate_left(48),
        Change::ServiceDeploymentRemoved(id) => id.as_u64() ^ 9,
        Change::TaskCreated(row) => half(row.id.as_u128()) ^ half(row.instance.map_or(0, |id| id.as_u128())),
        Change::TaskUpdated(row) => half(row.id.as_u128()) ^ row.version.rotate_left(32) ^ row.last_status as u64,
        Change::TaskPlaced(id) => half(id.as_u128()) ^ 10,
        Change::TaskRemoved(id) => half(id.as_u128()) ^ 11,
        Change::Event(row) => half(row.id) ^ row.sequence,
        Change::EventRemoved(_, sequence) => sequence ^ 13,
        Change::DefinitionReferenced(row) => u64::from(row.id.revision) ^ 14,
        Change::DefinitionReleased(id) => u64::from(id.revision) ^ 15,
        Change::Token(row) => row.created_at.as_millis().unsigned_abs() ^ 16,
        Change::TokenRemoved(..) => 17,
    }
}

/// Which edges of the state machines the step went along.
pub(super) fn cover(step: &Step, coverage: &mut Coverage) {
    for change in step.changes {
        match change {
            Change::TaskCreated(row) if row.is_waiting() => coverage.count("task waits for an instance"),
            Change::TaskCreated(_) => coverage.count("task created"),
            Change::TaskUpdated(row) => {
                let Some(before) = step.before.tasks.get(&row.id) else { continue };
                if before.last_status != row.last_status {
                    coverage.count(Point::Task(before.last_status, row.last_status));
                }
                if let Some(code) = row.stop_code.filter(|_| before.stop_code.is_none()) {
                    coverage.count(Point::Stop(code));
                }
            }
            Change::Deployment(row) => {
                let Some(before) = step.before.deployments.get(&row.id) else { continue };
                if before.rollout_state != row.rollout_state {
                    coverage.count(Point::Rollout(before.rollout_state, row.rollout_state));
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
                if before.status != row.status && row.task_set.is_none() {
                    coverage.count(Point::Deployment(before.status, row.status));
                }
            }
            Change::ServiceDeployment(row) => coverage.count(format!("history {}", row.status.as_str())),
            Change::Service(row) => {
                let Some(before) = step.before.services.get(&row.name) else { continue };
                if before.status != row.status {
                    coverage.count(Point::Service(before.status, row.status));
                }
            }
            Change::Instance(row) => {
                let Some(before) = step.before.instances.get(&row.id) else { continue };
                if before.status != row.status {
                    coverage.count(Point::Instance(before.status, row.status));
                }
                if row.lost && !before.lost {
                    coverage.count("instance lost");
                }
                match (before.agent_connected, row.agent_connected) {
                    (false, true) => coverage.count("instance connected"),
                    (true, false) => coverage.count("instance disconnected"),
                    _ => {}
                }
            }
            Change::Cluster(row) => {
                let deleted = step.before.cluster.as_ref().is_some_and(|old| old.status == ClusterStatus::Inactive);
                if deleted && row.status == ClusterStatus::Active {
                    coverage.count("cluster revived");
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
