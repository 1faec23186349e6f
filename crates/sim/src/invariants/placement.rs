//! Capacity and where tasks go.

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{InstanceStatus, PlacementConstraint, Task};

const ZONE: &str = "ecs.availability-zone";

/// Whether an update takes a task from those that are wanted.
pub(super) fn ended(before: &Task, after: &Task) -> bool {
    before.is_live() && !after.is_live()
}

/// I-4: at its placement a task of a group with distinctInstance is alone on its instance, and every memberOf holds.
pub(super) fn i_4_constraints_hold_at_placement(step: &Step) -> Result<(), Broken> {
    for task in step.tasks_created() {
        let service = task.service.as_ref().and_then(|name| step.after.services.get(name));
        for constraint in service.into_iter().flat_map(|service| &service.placement_constraints) {
            match constraint {
                PlacementConstraint::DistinctInstance => {
                    let shares = |other: &&std::sync::Arc<Task>| {
                        other.id != task.id && other.group == task.group && !other.is_stopped()
                    };
                    let other = step.after.tasks_of_instance(task.instance).find(shares);
                    require(other.is_none(), "I-4", || {
                        format!("{} was placed beside {:?} of its group", task.id, other.map(|one| one.id))
                    })?;
                }
                PlacementConstraint::MemberOf(expression) => {
                    let wanted = expression.split_once(" == ").map(|(_, zone)| zone);
                    let zone = step.after.instances.get(&task.instance).and_then(|row| row.attribute(ZONE));
                    require(wanted == zone, "I-4", || format!("{} wants zone {wanted:?} and is in {zone:?}", task.id))?;
                }
            }
        }
    }
    Ok(())
}

/// I-5: a task is placed on an ACTIVE, connected instance that has the attributes it requires, and never moves.
pub(super) fn i_5_tasks_go_to_instances_that_take_them(step: &Step) -> Result<(), Broken> {
    for task in step.tasks_created() {
        require(!step.before.tasks.contains_key(&task.id), "I-5", || format!("{} was created twice", task.id))?;
        let row = step.after.instances.get(&task.instance);
        let takes = row.is_some_and(|row| row.status == InstanceStatus::Active && row.agent_connected && !row.lost);
        require(takes, "I-5", || format!("{} was placed on {row:?}", task.id))?;
        let required = step.after.definitions.get(&task.definition).map(|one| &one.requires_attributes);
        let has = |name: &std::sync::Arc<str>| row.is_some_and(|row| row.attributes.contains_key(name));
        let lacking = required.into_iter().flatten().find(|name| !has(name));
        require(lacking.is_none(), "I-5", || format!("{} needs attribute {lacking:?}", task.id))?;
    }
    for task in step.tasks_updated() {
        let before = step.before.tasks.get(&task.id);
        let moved = before.is_some_and(|before| before.instance != task.instance);
        require(!moved, "I-5", || format!("{} moved to {}", task.id, task.instance))?;
    }
    Ok(())
}
