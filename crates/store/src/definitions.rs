//! What the back ends share about task definitions: queries, their order, and changes of status.

use crate::Error;
use plimsoll_model::{Family, Image, TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// ListTaskDefinitions (TD-78): by family, then by revision as a number; `descending` turns both around.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefinitionQuery {
    /// The whole name, although ECS calls it a prefix.
    pub family: Option<Family>,
    pub status: TaskDefinitionStatus,
    pub descending: bool,
}

/// ListTaskDefinitionFamilies (TD-78), in ascending order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FamilyQuery {
    /// Empty: every family.
    pub prefix: String,
    pub status: FamilyStatus,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FamilyStatus {
    /// Has an ACTIVE revision.
    Active,
    /// Has none.
    Inactive,
    All,
}

impl DefinitionQuery {
    pub(crate) fn matches(&self, id: &TaskDefinitionId, status: TaskDefinitionStatus) -> bool {
        status == self.status && self.family.as_ref().is_none_or(|family| *family == id.family)
    }

    pub(crate) fn sort(&self, ids: &mut [TaskDefinitionId]) {
        ids.sort_unstable();
        if self.descending {
            ids.reverse();
        }
    }
}

impl FamilyQuery {
    /// Picks from (family, has an ACTIVE revision), one or more entries per family.
    pub(crate) fn pick(&self, found: impl IntoIterator<Item = (Family, bool)>) -> Vec<Family> {
        let mut active_by_family = BTreeMap::<Family, bool>::new();
        for (family, active) in found {
            *active_by_family.entry(family).or_default() |= active;
        }
        let wanted = |active: bool| match self.status {
            FamilyStatus::Active => active,
            FamilyStatus::Inactive => !active,
            FamilyStatus::All => true,
        };
        let picked = active_by_family
            .into_iter()
            .filter(|(family, active)| family.as_str().starts_with(&self.prefix) && wanted(*active));
        picked.map(|(family, _)| family).collect()
    }
}

/// The first instant it left ACTIVE is kept, and that of the request to delete it (TD-76, TD-80).
pub(crate) fn set_status(definition: &mut TaskDefinition, status: TaskDefinitionStatus, at: Timestamp) {
    definition.status = status;
    if status != TaskDefinitionStatus::Active {
        definition.deregistered_at.get_or_insert(at);
    }
    if status == TaskDefinitionStatus::DeleteInProgress {
        definition.delete_requested_at.get_or_insert(at);
    }
}

/// The definitions that rows of the image name.
pub(crate) fn named_by(image: &Image) -> BTreeSet<TaskDefinitionId> {
    let mut named = BTreeSet::new();
    let of_tasks = image.tasks.values().map(|row| &row.definition);
    let of_services = image.services.values().filter_map(|row| row.definition.as_ref());
    let of_deployments = image.deployments.values().map(|row| &row.definition);
    for id in of_tasks.chain(of_services).chain(of_deployments) {
        // A million tasks name a handful of definitions: look before cloning.
        if !named.contains(id) {
            named.insert(id.clone());
        }
    }
    named
}

/// A row names a definition that is not there: definitions are never removed while something names them (TD-80).
pub(crate) fn missing(id: &TaskDefinitionId) -> Error {
    Error::Corrupt { table: "task_definitions", id: id.to_string(), source: "named by the cluster, but missing".into() }
}
