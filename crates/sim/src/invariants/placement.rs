//! Capacity and where tasks go.

use super::Step;
use crate::violation::{Broken, require};
use crate::world::ZONE_EXPRESSIONS;
use plimsoll_model::{InstanceStatus, PlacementConstraint, Task, Usage};
use std::collections::BTreeSet;

const ZONE: &str = "ecs.availability-zone";

/// I-1: what the tasks of an instance reserve fits into what it registered, and is what `used` says.
pub(super) fn i_1_reservations_fit(step: &Step) -> Result<(), Broken> {
    for id in &step.instances {
        let mut sum = Usage::default();
        let mut gpus = BTreeSet::new();
        for task in step.after.tasks_of_instance(*id).filter(|task| !task.is_stopped()) {
            sum.cpu_units += u64::from(task.reserved.cpu_units);
            sum.memory_mib += u64::from(task.reserved.memory_mib);
            for gpu in &task.reserved.gpus {
                require(gpus.insert(gpu), "I-1", || format!("GPU {gpu} of {id} is held twice"))?;
            }
        }
        let used = step.after.usage.get(id).copied().unwrap_or_default();
        require(sum == used, "I-1", || format!("{id} uses {sum:?}, its row says {used:?}"))?;
        let Some(row) = step.after.instances.get(id) else {
            require(sum == Usage::default(), "I-1", || format!("{id} is unknown and uses {sum:?}"))?;
            continue;
        };
        let fits = sum.cpu_units <= u64::from(row.registered.cpu_units)
            && sum.memory_mib <= u64::from(row.registered.memory_mib);
        require(fits, "I-1", || format!("{id} uses {sum:?} of {:?}", row.registered))?;
    }
    Ok(())
}

/// I-2: a host port of an instance is held by one task, and never one the agent keeps for itself.
pub(super) fn i_2_ports_are_held_once(step: &Step) -> Result<(), Broken> {
    for id in &step.instances {
        let mut held = BTreeSet::new();
        let reserved = step.after.instances.get(id).map(|row| &row.registered.reserved_ports);
        for task in step.after.tasks_of_instance(*id).filter(|task| !task.is_stopped()) {
            for port in &task.reserved.ports {
                let free = held.insert(*port) && !reserved.is_some_and(|ports| ports.contains(port));
                require(free, "I-2", || format!("{port:?} of {id} is held twice, the second time by {}", task.id))?;
            }
        }
    }
    Ok(())
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
                    let wanted =
                        ZONE_EXPRESSIONS.iter().find(|(text, _)| *text == &**expression).map(|(_, zone)| *zone);
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
        let lacking = required.into_iter().flatten().find(|name| row.is_none_or(|row| row.attribute(name).is_none()));
        require(lacking.is_none(), "I-5", || format!("{} needs attribute {lacking:?}", task.id))?;
    }
    for task in step.tasks_updated() {
        let before = step.before.tasks.get(&task.id);
        let moved = before.is_some_and(|before| before.instance != task.instance);
        require(!moved, "I-5", || format!("{} moved to {}", task.id, task.instance))?;
    }
    Ok(())
}
