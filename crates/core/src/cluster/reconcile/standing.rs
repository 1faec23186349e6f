//! Where a service stands, for whoever asks why: what it misses, and what else than room holds it back.

use super::super::ClusterCore;
use super::super::command::Question;
use super::Pass;
use crate::CommandError;
use crate::explain::{ServiceStanding, Waits};
use plimsoll_model::{
    DeploymentController, DeploymentStatus, RolloutState, SchedulingStrategy, Service, ServiceName, ServiceStatus,
};
use std::sync::Arc;

impl ClusterCore {
    /// With what is asked next: for the tasks that are missing, or for one more where none is.
    pub(in super::super) fn standing_of(
        &mut self,
        name: &ServiceName,
    ) -> Result<(Question, ServiceStanding), CommandError> {
        let service = match self.image.services.get(name) {
            Some(row) if row.status != ServiceStatus::Inactive => Arc::clone(row),
            Some(_) => return Err(CommandError::ServiceNotActive { service: name.clone() }),
            None => return Err(CommandError::ServiceNotFound { service: name.clone() }),
        };
        let pass = self.pass_that_starts(&service)?;
        let (numbers, counts) = (self.numbers(&pass), self.counts(&pass));
        let is_daemon = service.scheduling_strategy == SchedulingStrategy::Daemon;
        let missing = if is_daemon { counts_missing(&pass, counts.live) } else { numbers.missing() };
        let mut waits = Vec::new();
        if service.status == ServiceStatus::Draining {
            waits.push(Waits::Draining);
        }
        if pass.primary.rollout_state == RolloutState::Failed {
            waits.push(Waits::DeploymentFailed);
        }
        if let Some(until) = pass.primary.next_start_at.filter(|at| *at > self.now && missing > 0) {
            waits.push(Waits::BackOff { for_ms: until.millis_since(self.now) });
        }
        if missing > 0 && numbers.total >= numbers.total_max && !is_daemon {
            waits.push(Waits::MaximumPercent { tasks: numbers.total, most: numbers.total_max });
        }
        let shares = self.shares_to_start(&pass, missing.max(1)).into_iter();
        let shares = shares.map(|share| (share.provider, u32::try_from(share.count).unwrap_or(u32::MAX))).collect();
        let question = Question {
            blueprint: self.service_blueprint(&service, &pass.primary),
            needs: self.service_requirements(&service, &pass.primary),
            shares,
        };
        let standing = ServiceStanding {
            name: name.clone(),
            deployment: pass.primary.id,
            desired: if is_daemon { pass.primary.desired_count } else { numbers.desired },
            running: counts.running,
            pending: counts.pending,
            missing,
            waits,
        };
        Ok((question, standing))
    }

    /// A look at the deployment that gets tasks: the PRIMARY one or task set, or the newest set where none is PRIMARY.
    fn pass_that_starts(&self, service: &Arc<Service>) -> Result<Pass, CommandError> {
        let primary = self.image.primary_deployment(&service.name).cloned();
        let newest = || {
            let mut sets = self.task_sets_of(&service.name).into_iter();
            sets.rfind(|set| set.status != DeploymentStatus::Draining)
        };
        let found =
            if service.controller == DeploymentController::External { primary.or_else(newest) } else { primary };
        let none = || CommandError::InvalidParameter(format!("service {} has no tasks to place", service.name));
        Ok(Pass::over(Arc::clone(service), found.ok_or_else(none)?))
    }
}

/// Of a daemon, whose desired count follows the instances.
fn counts_missing(pass: &Pass, live: u32) -> u32 {
    pass.primary.desired_count.saturating_sub(live)
}
