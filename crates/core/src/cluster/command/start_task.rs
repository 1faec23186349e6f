//! StartTask: one task or one failure for each instance that was named (RUN-11).

use super::super::placing::Requirements;
use super::super::{ClusterCore, Outbox};
use super::check_overrides;
use super::run_task::standalone;
use crate::command::StartTask;
use crate::{CommandError, Failure, FailureReason, Output};
use plimsoll_model::{InstanceId, InstanceStatus};
use plimsoll_placement::{InstanceIdx, demand};

impl ClusterCore {
    pub(super) fn start_task(&mut self, request: StartTask, out: &mut Outbox) -> Result<Output, CommandError> {
        check_overrides(&request.definition, request.launch.overrides.as_deref())?;
        let needs = Requirements {
            demand: demand(&request.definition, request.launch.overrides.as_deref()),
            member_of: self.parse_constraints(&request.definition, &[])?,
            distinct_instance: false,
            strategies: Vec::new(),
            takes_kept_room: false,
        };
        let blueprint = standalone(request.definition, request.launch);
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for id in request.instances {
            let chosen = match self.startable(id) {
                Ok(idx) => self.check(idx, &blueprint, &needs).map(|reserved| (idx, reserved)),
                Err(reason) => {
                    failures.push(Failure { instance: Some(id), reason, detail: None });
                    continue;
                }
            };
            match chosen {
                Ok((idx, reserved)) => tasks.push(self.place(&blueprint, idx, reserved, out)),
                Err(reason) => failures.push(self.failure(id, reason, &blueprint.definition)),
            }
        }
        Ok(Output::Tasks { tasks, failures })
    }

    fn startable(&self, id: InstanceId) -> Result<InstanceIdx, FailureReason> {
        match self.image.instances.get(&id).map(|row| row.status) {
            None => Err(FailureReason::Missing),
            Some(InstanceStatus::Inactive) => Err(FailureReason::Inactive),
            Some(InstanceStatus::Draining) => Err(FailureReason::Draining),
            Some(InstanceStatus::Active) => self.derived.fleet.idx(id).ok_or(FailureReason::Missing),
        }
    }
}
