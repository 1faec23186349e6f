//! What must hold, each under its own name. Checks look at what a step changed; those that must look at everything
//! take turns. The table of all of them is in this crate's README.

mod breaker;
mod capacity;
mod counters;
mod daemon;
mod events;
mod failures;
mod history;
mod ledger;
mod life;
mod loss;
mod memory;
mod node;
mod placement;
pub(crate) mod provisioning;
pub(crate) mod rest;
mod service;
mod task_sets;
mod victims;

pub(crate) use memory::Memory;

use crate::coverage::Coverage;
use crate::definitions::Definitions;
use crate::swarm::Swarm;
use crate::trace::Trace;
use crate::violation::{Broken, require};
use events::Satisfied;
use failures::Failures;
use ledger::Ledger;
use loss::Silence;
use plimsoll_core::ClusterCore;
use plimsoll_model::{Batch, Change, Image, InstanceId, InstanceStatus, ServiceName, Task, TaskId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Full recounts cost what exists, not what changed: they happen every so many steps, fewer where there is more.
const RECOUNT_STEPS: u64 = 16;
/// So do trial loads.
const RELOAD_STEPS: u64 = 32;
/// Rows that make a step of the waiting.
const ROWS_PER_STEP: u64 = 4;

/// The settings a check depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub healthy_ms: u64,
    pub grace_ms: Option<u64>,
}

impl Rules {
    pub fn of(swarm: &Swarm) -> Self {
        Rules { healthy_ms: swarm.healthy_ms, grace_ms: swarm.disconnect_grace_ms }
    }
}

/// The state as the changes tell it, beside the core's own.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    image: Image,
    ledger: Ledger,
    silence: Silence,
    failures: Failures,
    satisfied: Satisfied,
    steps: u64,
    recount_at: u64,
    reload_at: u64,
    lifetimes: life::Lifetimes,
    /// Of the process that took over last.
    epoch: u64,
    /// Instances that were lost or deregistered at some time.
    given_up: BTreeSet<InstanceId>,
    /// All tasks ever stepped, for looking up what a container on a machine belongs to.
    tasks: BTreeMap<TaskId, Arc<Task>>,
}

/// One step of the core.
pub(crate) struct Step<'a> {
    /// As the core writes it into rows.
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

    /// As they were when they got their instance: created with it, or after waiting for it.
    pub fn tasks_placed(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.changes.iter().enumerate().filter_map(|(at, change)| match change {
            Change::TaskCreated(row) => Some(row).filter(|row| row.instance.is_some()),
            Change::TaskUpdated(row) => {
                Some(row).filter(|row| self.changes.get(at + 1) == Some(&Change::TaskPlaced(row.id)))
            }
            _ => None,
        })
    }

    /// All of its instance, itself included.
    pub fn tasks_beside(&self, task: &Task) -> impl Iterator<Item = &Arc<Task>> {
        task.instance.into_iter().flat_map(|instance| self.after.tasks_of_instance(instance))
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
    pub fn reloaded(&mut self, image: &Image) -> Result<(), Broken> {
        self.image = image.clone();
        self.ledger = Ledger::of(image)?;
        self.failures = Failures::loaded(image);
        self.satisfied = Satisfied::loaded(image);
        Ok(())
    }

    pub fn loaded_at(&mut self, now: Timestamp) {
        self.silence = Silence::loaded(&self.image, now);
    }

    pub fn taken_over(&mut self, epoch: u64) {
        self.epoch = epoch;
    }

    pub fn core_stepped(
        &mut self,
        core: &ClusterCore,
        changes: &[Change],
        definitions: &Definitions,
        rules: Rules,
        (coverage, trace): (&mut Coverage, &mut Trace),
    ) -> Result<(), Broken> {
        self.steps += 1;
        let after = core.image();
        if !changes.is_empty() {
            let (instances, services) = touched(changes, &self.image);
            let (before, healthy_ms) = (&self.image, rules.healthy_ms);
            let step = Step { now: core.now(), healthy_ms, before, after, changes, definitions, instances, services };
            self.ledger.follow(&step)?;
            self.silence.d_7_the_grace_is_kept(&step, rules)?;
            self.failures.i_11_failures_space_starts(&step)?;
            self.satisfied.i_14_nothing_is_said_twice_in_a_row(&step)?;
            check(&step, &self.ledger, coverage)?;
            changes.iter().for_each(|change| trace.mix(life::digest(change)));
        }
        for change in changes {
            match change {
                Change::TaskCreated(row) => {
                    self.tasks.insert(row.id, Arc::clone(row));
                }
                Change::TaskPlaced(id) => self.tasks.extend(after.tasks.get(id).map(|row| (*id, Arc::clone(row)))),
                Change::Instance(row) if row.lost || row.status == InstanceStatus::Inactive => {
                    self.given_up.insert(row.id);
                }
                _ => {}
            }
        }
        self.image.apply_all(changes);
        if self.steps >= self.recount_at {
            self.recount_at = self.steps + RECOUNT_STEPS + rows(after) / ROWS_PER_STEP;
            counters::i_23_counters_are_a_recount(&self.image, after)?;
        }
        Ok(())
    }

    /// A batch is about to be stored over `stored`.
    ///
    /// I-30: no batch of an epoch is stored after the take-over by a later one.
    pub fn committing(&mut self, stored: &Image, batch: &Batch, epoch: u64) -> Result<(), Broken> {
        require(epoch == self.epoch, "I-30", || {
            format!("a batch of epoch {epoch} is stored after the take-over by epoch {}", self.epoch)
        })?;
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
        self.steps >= self.reload_at
    }

    pub fn has_reloaded(&mut self) {
        self.reload_at = self.steps + RELOAD_STEPS + rows(&self.image) / ROWS_PER_STEP;
    }
}

fn check(step: &Step, ledger: &Ledger, coverage: &mut Coverage) -> Result<(), Broken> {
    life::i_17_states_only_move_forward(step)?;
    life::cover(step, coverage);
    task_sets::cover(step, coverage);
    ledger.i_1_reservations_fit(step)?;
    placement::i_4_constraints_hold_at_placement(step)?;
    placement::i_5_tasks_go_to_instances_that_take_them(step)?;
    provisioning::run_12_what_waits_holds_nothing(step)?;
    daemon::i_6_one_task_per_instance(step, coverage)?;
    capacity::svc_56_new_tasks_follow_the_strategy(step, coverage)?;
    service::i_8_no_start_beyond_the_maximum(step)?;
    service::i_9_no_stop_below_the_minimum(step)?;
    service::i_10_one_primary_deployment(step)?;
    breaker::i_11_failing_deployments(step)?;
    history::dep_51_history_follows_deployments(step)?;
    task_sets::i_8_no_set_grows_beyond_its_maximum(step)?;
    task_sets::i_9_no_set_falls_below_its_minimum(step)?;
    task_sets::i_10_the_service_shows_its_primary_set(step)?;
    victims::i_16_the_documented_ones_go(step, coverage)?;
    ledger.i_23_counters_are_those_of_the_rows(step)?;
    life::i_27_named_definitions_are_kept(step)?;
    life::i_28_no_row_hangs_in_the_air(step)
}

fn rows(image: &Image) -> u64 {
    (image.tasks.len() + image.instances.len() + image.services.len()) as u64
}

fn touched(changes: &[Change], before: &Image) -> (BTreeSet<InstanceId>, BTreeSet<ServiceName>) {
    let mut instances = BTreeSet::new();
    let mut services = BTreeSet::new();
    for change in changes {
        match change {
            Change::TaskCreated(row) | Change::TaskUpdated(row) => {
                instances.extend(row.instance);
                services.extend(row.service.clone());
            }
            Change::TaskRemoved(id) => {
                if let Some(row) = before.tasks.get(id) {
                    instances.extend(row.instance);
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
            Change::ServiceDeployment(row) => {
                services.insert(row.service.clone());
            }
            Change::Cluster(_)
            | Change::TaskPlaced(_)
            | Change::InstanceRemoved(_)
            | Change::ServiceRemoved(_)
            | Change::DeploymentRemoved(_)
            | Change::ServiceDeploymentRemoved(_)
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
