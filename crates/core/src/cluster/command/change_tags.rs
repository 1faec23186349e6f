//! TagResource and UntagResource on what lives in a cluster (TAG-2), and task definitions that were tagged meanwhile.

use super::super::{ClusterCore, Outbox};
use crate::command::TagTarget;
use crate::{CommandError, Output};
use plimsoll_model::{Change, Cluster, InstanceStatus, ServiceStatus, TagChange, Task, TaskDefinition, TooManyTags};
use std::sync::Arc;

impl ClusterCore {
    /// Tags die with their object (TAG-3): what is INACTIVE or STOPPED has none to change.
    pub(super) fn change_tags(
        &mut self,
        target: TagTarget,
        change: &TagChange,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let missing = || CommandError::TagTargetNotFound { target: target.clone() };
        match &target {
            TagTarget::Cluster => {
                let row = self.image.cluster.clone().expect("commands need an active cluster");
                let tags = change.applied_to(&row.tags)?;
                if tags != row.tags {
                    self.put_cluster(Cluster { tags, ..Cluster::clone(&row) }, out);
                }
            }
            TagTarget::Service(name) => {
                let known = self.image.services.get(name).filter(|row| row.status != ServiceStatus::Inactive);
                let row = known.cloned().ok_or_else(missing)?;
                let tags = change.applied_to(&row.tags)?;
                if tags != row.tags {
                    self.update_service_row(name, |row| row.tags = tags, out);
                }
            }
            TagTarget::Instance(id) => {
                let known = self.image.instances.get(id).filter(|row| row.status != InstanceStatus::Inactive);
                let row = known.cloned().ok_or_else(missing)?;
                let tags = change.applied_to(&row.tags)?;
                if tags != row.tags {
                    self.update_instance(*id, |row| row.tags = tags, out);
                }
            }
            TagTarget::Task(id) => {
                let known = self.image.tasks.get(id).filter(|row| !row.is_stopped());
                let row = known.cloned().ok_or_else(missing)?;
                let tags = change.applied_to(&row.tags)?;
                self.update_task(&row, Task { tags, ..Task::clone(&row) }, out);
            }
        }
        Ok(Output::Acknowledged)
    }

    /// Definitions are not rows of the cluster: only what it remembers of one it uses is brought up to date, so that
    /// tasks started from now on inherit the tags it has (TAG-4).
    pub(super) fn definition_tagged(&mut self, definition: &Arc<TaskDefinition>, out: &mut Outbox) -> Output {
        if self.derived.definitions.replace(definition) {
            self.emit(Change::DefinitionReferenced(Arc::clone(definition)), out);
        }
        Output::Acknowledged
    }
}

impl From<TooManyTags> for CommandError {
    fn from(TooManyTags { count }: TooManyTags) -> Self {
        CommandError::TooManyTags { count, limit: plimsoll_model::TAGS_MAX }
    }
}
