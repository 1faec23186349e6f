//! Capacity and where tasks go.

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{InstanceStatus, PlacementConstraint, Task, TaskId};
use std::collections::BTreeSet;

const ZONE: &str = "ecs.availability-zone";

/// Whether an update takes a task from those that are wanted.
pub(super) fn ended(before: &Task, after: &Task) -> bool {
    before.is_live() && !after.is_live()
}

/// I-4: at its placement a task of a group with distinctInstance is alone on its instance, and every memberOf holds.
pub(super) fn i_4_constraints_hold_at_placement(step: &Step) -> Result<(), Broken> {
    // One that is placed after it may do without the constraint, where the group is a family's.
    let mut still_to_come: BTreeSet<TaskId> = step.tasks_placed().map(|task| task.id).collect();
    for task in step.tasks_placed() {
        still_to_come.remove(&task.id);
        let service = task.service.as_ref().and_then(|name| step.after.services.get(name));
        let of_service = service.into_iter().flat_map(|service| &service.placement_constraints);
        let waited = step.before.tasks.get(&task.id).and_then(|before| before.waiting.as_ref());
        let of_request = waited.into_iter().flat_map(|waiting| &waiting.placement_constraints);
        for constraint in of_service.chain(of_request) {
            match constraint {
                PlacementConstraint::DistinctInstance => {
                    let shares = |other: &&std::sync::Arc<Task>| {
                        let is_there = other.id != task.id && !still_to_come.contains(&other.id);
                        is_there && other.group == task.group && !other.is_stopped()
                    };
                    let other = step.tasks_beside(task).find(shares);
                    require(other.is_none(), "I-4", || {
                        format!("{} was placed beside {:?} of its group", task.id, other.map(|one| one.id))
                    })?;
                }
                PlacementConstraint::MemberOf(expression) => {
                    let wanted = expression.split_once(" == ").map(|(_, zone)| zone);
                    let zone = step.after.instance_of(task).and_then(|row| row.attribute(ZONE));
                    require(wanted == zone, "I-4", || format!("{} wants zone {wanted:?} and is in {zone:?}", task.id))?;
                }
            }
        }
    }
    Ok(())
}

/// I-5: a task is placed on an ACTIVE, connected instance that has the attributes it requires, and never moves. One that
/// waits is placed once.
pub(super) fn i_5_tasks_go_to_instances_that_take_them(step: &Step) -> Result<(), Broken> {
    for task in step.tasks_created() {
        require(!step.before.tasks.contains_key(&task.id), "I-5", || format!("{} was created twice", task.id))?;
    }
    for task in step.tasks_placed() {
        let row = step.after.instance_of(task);
        let takes = row.is_some_and(|row| row.status == InstanceStatus::Active && row.agent_connected && !row.lost);
        require(takes, "I-5", || format!("{} was placed on {row:?}", task.id))?;
        let required = step.after.definitions.get(&task.definition).map(|one| &one.requires_attributes);
        let has = |name: &std::sync::Arc<str>| row.is_some_and(|row| row.attributes.contains_key(name));
        let lacking = required.into_iter().flatten().find(|name| !has(name));
        require(lacking.is_none(), "I-5", || format!("{} needs attribute {lacking:?}", task.id))?;
    }
    for task in step.tasks_updated() {
        let before = step.before.tasks.get(&task.id);
        let was_on = before.and_then(|before| before.instance);
        let stays = was_on.is_none() || was_on == task.instance;
        require(stays, "I-5", || format!("{} moved from {was_on:?} to {:?}", task.id, task.instance))?;
    }
    Ok(())
}
