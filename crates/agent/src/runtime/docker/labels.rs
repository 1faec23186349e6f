//! The labels that say whose container it is. They are all that an agent needs to find its containers again.

use crate::Error;
use parking_lot::Mutex;
use plimsoll_core::node::ContainerRef;
use plimsoll_model::{InstanceId, TaskId};
use std::collections::HashMap;
use std::path::Path;

pub(super) const CLUSTER: &str = "plimsoll.cluster";
pub(super) const INSTANCE: &str = "plimsoll.instance";
pub(super) const TASK: &str = "plimsoll.task";
pub(super) const CONTAINER: &str = "plimsoll.container";
pub(super) const INDEX: &str = "plimsoll.index";
pub(super) const DEFINITION: &str = "plimsoll.definition";
/// The agent's data directory: tells two agents on one engine apart before they know their instance.
pub(super) const DATA_DIR: &str = "plimsoll.data-dir";

/// One agent as the owner of containers.
pub(super) struct Owner {
    cluster: String,
    data_dir: String,
    instance: Mutex<Option<InstanceId>>,
}

impl Owner {
    pub(super) fn new(cluster: &str, data_dir: &Path) -> Result<Self, Error> {
        let canonical = data_dir.canonicalize().map_err(Error::file("resolve", data_dir))?;
        let data_dir = canonical.to_string_lossy().into_owned();
        Ok(Owner { cluster: cluster.to_owned(), data_dir, instance: Mutex::new(None) })
    }

    pub(super) fn identify(&self, instance: InstanceId) {
        *self.instance.lock() = Some(instance);
    }

    /// What the engine is asked to list; [`Owner::owns`] has the last word.
    pub(super) fn filter(&self) -> String {
        format!("{CLUSTER}={}", self.cluster)
    }

    /// By instance once that is known, before that by data directory.
    pub(super) fn owns(&self, labels: &HashMap<String, String>) -> bool {
        let is = |label: &str, value: &str| labels.get(label).is_some_and(|found| found == value);
        let ours = match *self.instance.lock() {
            Some(instance) => is(INSTANCE, &instance.to_string()),
            None => is(DATA_DIR, &self.data_dir),
        };
        ours && is(CLUSTER, &self.cluster)
    }

    /// Common to containers and volumes of a task.
    pub(super) fn labels_of_task(&self, task: TaskId) -> HashMap<String, String> {
        let mut labels = HashMap::from([
            (CLUSTER.to_owned(), self.cluster.clone()),
            (DATA_DIR.to_owned(), self.data_dir.clone()),
            (TASK.to_owned(), task.to_string()),
        ]);
        if let Some(instance) = *self.instance.lock() {
            labels.insert(INSTANCE.to_owned(), instance.to_string());
        }
        labels
    }
}

/// `None`: not a container of ours, whatever else its labels say.
pub(super) fn container_of(labels: &HashMap<String, String>) -> Option<ContainerRef> {
    let task = labels.get(TASK)?.parse().ok()?;
    let index = labels.get(INDEX)?.parse().ok()?;
    Some(ContainerRef { task, index })
}

pub(super) fn instance_of(labels: &HashMap<String, String>) -> Option<InstanceId> {
    labels.get(INSTANCE)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_containers_with_our_labels_are_ours() {
        let directory = tempfile::tempdir().unwrap();
        let owner = Owner::new("prod", directory.path()).unwrap();
        let task = TaskId::from_u128(1);
        let before = owner.labels_of_task(task);
        assert!(owner.owns(&before), "by data directory");
        assert!(!owner.owns(&HashMap::new()), "I-21");
        owner.identify(InstanceId::from_u128(7));
        assert!(owner.owns(&owner.labels_of_task(task)), "by instance");
        assert!(!owner.owns(&before), "of another instance");
        let mut foreign = owner.labels_of_task(task);
        foreign.insert(CLUSTER.to_owned(), "test".to_owned());
        assert!(!owner.owns(&foreign));
    }
}
