//! StopTask (RUN-13).

use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::TaskId;
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
        Ok(Output::Task(self.stop_task(&row, StopBecause::user(reason), out)))
    }
}
