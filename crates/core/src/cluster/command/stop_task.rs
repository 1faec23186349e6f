//! StopTask (RUN-13). The task's tags are deleted with it (TAG-3).

use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{Tags, Task, TaskId};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn stop_task_by_user(
        &mut self,
        task: TaskId,
        reason: Option<Arc<str>>,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let Some(row) = self.image.tasks.get(&task).cloned() else {
            return Err(CommandError::TaskNotFound { task });
        };
        if !row.is_live() {
            return Ok(Output::Task(row));
        }
        let stopping = self.stop_task(&row, StopBecause::user(reason), out);
        let untagged = Task { tags: Tags::new(), ..Task::clone(&stopping) };
        Ok(Output::Task(self.update_task(&stopping, untagged, out)))
    }
}
