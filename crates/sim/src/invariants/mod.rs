//! What must hold, each under its own name. Checks look at what a step changed; those that must look at everything
//! take turns.

mod breaker;
mod counters;
mod daemon;
mod life;
mod node;
mod placement;
pub(crate) mod rest;
mod service;

use crate::coverage::Coverage;
use crate::definitions::Definitions;
use crate::violation::Broken;
use plimsoll_core::ClusterCore;
use plimsoll_model::{Batch, Change, Image, InstanceId, InstanceStatus, ServiceName, Task, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Full recounts happen every so many steps: they cost what exists, not what changed.
const RECOUNT_STEPS: u64 = 8;
/// So do trial loads.
const RELOAD_STEPS: u64 = 16;

/// The state as the changes tell it, beside the core's own.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    image: Image,
    steps: u64,
    lifetimes: life::Lifetimes,
    /// Instances that were lost or deregistered at some time.
    given_up: BTreeSet<InstanceId>,
    /// All tasks ever stepped, for looking up what a container on a machine belongs to.
    tasks: BTreeMap<TaskId, Arc<Task>>,
}

/// One step of the core.
pub(crate) struct Step<'a> {
    pub now: Timestamp,
    pub healthy_ms: u64,
    pub before: &'a Image,
    pub after: &'a Image,
    pub changes: &'a [Change],
    pub definitions: &'a Definitions,
    pub instances: BTreeSet<InstanceId>,
    pub services: BTreeSet<ServiceName>,
}

impl Step<'_> {
    pub fn tasks_created(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.changes.iter().filter_map(|change| match change {
            Change::TaskCreated(row) => Some(row),
            _ => None,
        })
    }

    pub fn tasks_updated(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.changes.iter().filter_map(|change| match change {
            Change::TaskUpdated(row) => Some(row),
            _ => None,
        })
    }
}

impl Checker {
    /// The core of before is gone, and with it all that was not committed.
    pub fn reloaded(&mut self, image: &Image) {
        self.image = image.clone();
    }

    pub fn core_stepped(
        &mut self,
        core: &ClusterCore,
        changes: &[Change],
        definitions: &Definitions,
        (now, healthy_ms): (Timestamp, u64),
        coverage: &mut Coverage,
    ) -> Result<(), Broken> {
        self.steps += 1;
        let (instances, services) = touched(changes, &self.image);
        let after = core.image();
        let step = Step { now, healthy_ms, before: &self.image, after, changes, definitions, instances, services };
        life::i_17_states_only_move_forward(&step)?;
        life::cover(&step, coverage);
        placement::i_1_reservations_fit(&step)?;
        placement::i_2_ports_are_held_once(&step)?;
        placement::i_4_constraints_hold_at_placement(&step)?;
        placement::i_5_tasks_go_to_instances_that_take_them(&step)?;
        daemon::i_6_one_task_per_instance(&step, coverage)?;
        service::i_8_no_start_beyond_the_maximum(&step)?;
        service::i_9_no_stop_below_the_minimum(&step)?;
        service::i_10_one_primary_deployment(&step)?;
        breaker::i_11_failing_deployments(&step)?;
        counters::i_23_counters_of_touched_services_and_instances(&step)?;
        for change in changes {
            match change {
                Change::TaskCreated(row) => {
                    self.tasks.insert(row.id, Arc::clone(row));
                }
                Change::Instance(row) if row.lost || row.status == InstanceStatus::Inactive => {
                    self.given_up.insert(row.id);
                }
                _ => {}
            }
        }
        self.image.apply_all(changes);
        if self.steps.is_multiple_of(RECOUNT_STEPS) {
            counters::i_23_counters_are_a_recount(&self.image, after)?;
        }
        Ok(())
    }

    /// A batch is about to be stored over `stored`.
    pub fn committing(&mut self, stored: &Image, batch: &Batch) -> Result<(), Broken> {
        life::i_17_stored_rows_only_move_forward(stored, batch)?;
        self.lifetimes.i_10_identity_of_rows_never_changes(batch)
    }

    pub fn task(&self, task: TaskId) -> Option<&Arc<Task>> {
        self.tasks.get(&task)
    }

    pub fn was_given_up(&self, instance: InstanceId) -> bool {
        self.given_up.contains(&instance)
    }

    /// Whether it is the turn of the trial load.
    pub fn is_time_to_reload(&self) -> bool {
        self.steps.is_multiple_of(RELOAD_STEPS)
    }
}

fn touched(changes: &[Change], before: &Image) -> (BTreeSet<InstanceId>, BTreeSet<ServiceName>) {
    let mut instances = BTreeSet::new();
    let mut services = BTreeSet::new();
    for change in changes {
        match change {
            Change::TaskCreated(row) | Change::TaskUpdated(row) => {
                instances.insert(row.instance);
                services.extend(row.service.clone());
            }
            Change::TaskRemoved(id) => {
                if let Some(row) = before.tasks.get(id) {
                    instances.insert(row.instance);
                    services.extend(row.service.clone());
                }
            }
            Change::Instance(row) => {
                instances.insert(row.id);
            }
            Change::Usage(id, _) => {
                instances.insert(*id);
            }
            Change::Service(row) => {
                services.insert(row.name.clone());
            }
            Change::Deployment(row) => {
                services.insert(row.service.clone());
            }
            Change::Cluster(_)
            | Change::InstanceRemoved(_)
            | Change::ServiceRemoved(_)
            | Change::DeploymentRemoved(_)
            | Change::Event(_)
            | Change::EventRemoved(..)
            | Change::DefinitionReferenced(_)
            | Change::DefinitionReleased(_)
            | Change::Token(_)
            | Change::TokenRemoved(..) => {}
        }
    }
    (instances, services)
}
