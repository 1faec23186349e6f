//! The task definitions rows of the cluster name, counted, with what scheduling needs of each worked out once.

use plimsoll_model::{TaskDefinition, TaskDefinitionId};
use plimsoll_placement::{Demand, Expression, demand};
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Known {
    pub definition: Arc<TaskDefinition>,
    /// Of a task without overrides.
    pub demand: Demand,
    pub member_of: Vec<Arc<Expression>>,
    /// An essential container has a health check: RUNNING alone is not healthy (DEP-11).
    pub checks_health: bool,
    /// Rows that name it: services, deployments, tasks.
    references: u64,
}

#[derive(Debug, Default)]
pub(super) struct Definitions {
    known: BTreeMap<TaskDefinitionId, Known>,
}

impl Definitions {
    /// True at the first reference.
    pub fn reference(&mut self, definition: &Arc<TaskDefinition>, member_of: Vec<Arc<Expression>>) -> bool {
        if let Some(known) = self.known.get_mut(&definition.id) {
            known.references += 1;
            return false;
        }
        let known = Known {
            demand: demand(definition, None),
            member_of,
            checks_health: checks_health(definition),
            definition: Arc::clone(definition),
            references: 1,
        };
        self.known.insert(definition.id.clone(), known);
        true
    }

    /// For a definition of the same id that has other tags; true when it is one of those in use.
    pub fn replace(&mut self, definition: &Arc<TaskDefinition>) -> bool {
        let Some(known) = self.known.get_mut(&definition.id) else { return false };
        known.definition = Arc::clone(definition);
        true
    }

    /// True when that was the last reference.
    pub fn release(&mut self, id: &TaskDefinitionId) -> bool {
        let known = self.known.get_mut(id).expect("a row that named it referenced it");
        known.references -= 1;
        if known.references == 0 {
            self.known.remove(id);
            return true;
        }
        false
    }

    pub fn get(&self, id: &TaskDefinitionId) -> &Known {
        self.known.get(id).expect("a row names it, so it is referenced")
    }

    pub fn references(&self) -> BTreeMap<TaskDefinitionId, u64> {
        self.known.iter().map(|(id, known)| (id.clone(), known.references)).collect()
    }
}

fn checks_health(definition: &TaskDefinition) -> bool {
    definition.containers.iter().any(|container| container.essential && container.health_check.is_some())
}
