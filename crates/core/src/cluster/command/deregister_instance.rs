//! DeregisterContainerInstance (CI-8).

use super::super::{ClusterCore, Effect, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{InstanceId, InstanceStatus, StopCode};
use plimsoll_placement::mutant;

impl ClusterCore {
    /// With force, tasks are STOPPED here and now while their containers run on: nobody answers for them any more.
    pub(super) fn deregister_instance(
        &mut self,
        instance: InstanceId,
        force: bool,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let known = self.image.instances.get(&instance).filter(|row| row.status != InstanceStatus::Inactive);
        if known.is_none() {
            return Err(CommandError::InstanceNotFound { instance });
        }
        let count = self.image.instance_counts(instance).not_stopped;
        if count > 0 && !force {
            return Err(CommandError::InstanceHasTasks { instance, count });
        }
        self.end_grace(instance);
        if let Some(connection) = self.sessions.close(instance) {
            out.effects.push(Effect::Close { connection });
        }
        let reason = "Container instance deregistration forced by user".into();
        mutant!(LeaksOnDeregister => (), self.stop_all_at_once(instance, StopCode::UserInitiated, &reason, out));
        let now = self.now;
        let row = self.update_instance(
            instance,
            |row| {
                row.status = InstanceStatus::Inactive;
                row.agent_connected = false;
                row.deregistered_at = Some(now);
            },
            out,
        );
        Ok(Output::Instance(row))
    }
}
