//! I-14: what lasts is said once. The newest event of a service is never followed by the same again within hours, nor
//! by one that differs only in the instance that comes closest, as long as the service goes without what it wants.

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{Change, Deployment, Image, ServiceEvent, ServiceName, ServiceStatus};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A message whose cause lasts may be repeated after this time.
const REPEAT_AFTER_MS: u64 = 6 * 3_600_000;

/// Services that have had all they wanted since their newest event: whatever they lack next is news.
#[derive(Debug, Default)]
pub(super) struct Satisfied {
    services: BTreeSet<ServiceName>,
}

impl Satisfied {
    /// What was before a load nobody here saw.
    pub fn loaded(image: &Image) -> Self {
        Satisfied { services: image.services.keys().cloned().collect() }
    }

    pub fn i_14_nothing_is_said_twice_in_a_row(&mut self, step: &Step) -> Result<(), Broken> {
        let mut newest: BTreeMap<&ServiceName, &Arc<ServiceEvent>> = BTreeMap::new();
        for change in step.changes {
            match change {
                // A new wish is a new cause.
                Change::Service(row) if wishes_anew(step, &row.name) => {
                    self.services.insert(row.name.clone());
                }
                // So is another scale of a task set.
                Change::Deployment(row) if row.task_set.is_some() && desires_anew(step, row) => {
                    self.services.insert(row.service.clone());
                }
                Change::Event(row) => {
                    let before = newest.get(&row.service).copied();
                    let before = before.or_else(|| step.before.events_of_service(&row.service).next_back());
                    let was_satisfied = self.services.remove(&row.service);
                    if let Some(before) = before.filter(|_| !was_satisfied) {
                        not_again(before, row)?;
                    }
                    newest.insert(&row.service, row);
                }
                _ => {}
            }
        }
        for name in &step.services {
            let Some(service) = step.after.services.get(name) else { continue };
            let has_all = step.after.service_counts(name).live >= service.desired_count;
            if has_all || service.status != ServiceStatus::Active {
                self.services.insert(name.clone());
            }
        }
        Ok(())
    }
}

fn desires_anew(step: &Step, row: &Deployment) -> bool {
    step.before.deployments.get(&row.id).is_none_or(|before| before.desired_count != row.desired_count)
}

fn wishes_anew(step: &Step, name: &ServiceName) -> bool {
    let (before, after) = (step.before.services.get(name), step.after.services.get(name));
    before.zip(after).is_none_or(|(before, after)| {
        (before.status, before.desired_count, &before.definition, &before.placement_constraints)
            != (after.status, after.desired_count, &after.definition, &after.placement_constraints)
    }) || step.changes.iter().any(|change| {
        matches!(change, Change::Deployment(row) if row.service == *name && !step.before.deployments.contains_key(&row.id))
    })
}

fn not_again(before: &ServiceEvent, row: &ServiceEvent) -> Result<(), Broken> {
    let soon = row.created_at.millis_since(before.created_at) < REPEAT_AFTER_MS;
    let same = without_instance(&before.message) == without_instance(&row.message);
    require(!(soon && same), "I-14", || {
        format!("{} said {:?} at {:?} and again", row.service, row.message, before.created_at)
    })
}

/// "... (container-instance 0123) is ..." without the number. Task ids stay: each start is news.
fn without_instance(message: &str) -> (&str, &str) {
    let Some((before, after)) = message.split_once("(container-instance ") else { return (message, "") };
    (before, after.split_once(')').map_or(after, |(_, rest)| rest))
}
