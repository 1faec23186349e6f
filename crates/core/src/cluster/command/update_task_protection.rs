//! UpdateTaskProtection (PROT-1, PROT-2): tasks the scheduler leaves alone for a while.

use super::super::{ClusterCore, Outbox};
use crate::Output;
use crate::command::ProtectionRefusal;
use plimsoll_model::{ServiceName, Task, TaskId};
use std::sync::Arc;

impl ClusterCore {
    /// `protect_ms` is how long from now; `None` ends the protection. Each call sets the end anew.
    pub(super) fn update_task_protection(
        &mut self,
        tasks: &[TaskId],
        protect_ms: Option<u64>,
        out: &mut Outbox,
    ) -> Output {
        let protected_until = protect_ms.map(|millis| self.now.plus_millis(millis));
        let (mut protected, mut refused) = (Vec::new(), Vec::new());
        for &id in tasks {
            match self.protectable(id, protect_ms.is_some()) {
                Ok(before) => {
                    let row = Task { protected_until, ..Task::clone(&before) };
                    protected.push(self.update_task(&before, row, out));
                }
                Err(refusal) => refused.push((id, refusal)),
            }
        }
        Output::Protection { tasks: protected, refused }
    }

    fn protectable(&self, id: TaskId, enable: bool) -> Result<Arc<Task>, ProtectionRefusal> {
        let task = self.image.tasks.get(&id).ok_or(ProtectionRefusal::Missing)?;
        let name = task.service.as_ref().filter(|_| task.is_live()).ok_or(ProtectionRefusal::TaskNotValid)?;
        if enable && !task.is_protected() && self.has_all_protected_it_may(name) {
            return Err(ProtectionRefusal::DeploymentBlocked);
        }
        Ok(Arc::clone(task))
    }

    /// More protected tasks than desired ones would keep every deployment from ending (PROT-2).
    fn has_all_protected_it_may(&self, name: &ServiceName) -> bool {
        let protected = self.derived.services.get(name).map_or(0, |index| index.protected().len());
        self.image.services.get(name).is_none_or(|row| protected >= row.desired_count as usize)
    }
}
