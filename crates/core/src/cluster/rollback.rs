//! Giving a deployment up, and going back to the last one that worked (DEP-44..48).

use super::{ClusterCore, Outbox, events};
use plimsoll_model::{
    Deployment, DeploymentId, DeploymentSettings, DeploymentStatus, RollingBack, RolloutState, Service, ServiceName,
};
use std::sync::Arc;

/// Echoed members that start a deployment when they change (SVC-13), and that a rollback brings back (DEP-45).
pub(super) const DEPLOYING_MEMBERS: [&str; 6] = [
    "networkConfiguration",
    "platformVersion",
    "loadBalancers",
    "serviceRegistries",
    "serviceConnectConfiguration",
    "volumeConfigurations",
];

/// What of a service belongs to the deployment it starts.
pub(super) fn settings_of(service: &Service) -> DeploymentSettings {
    let members = DEPLOYING_MEMBERS.iter().filter_map(|member| service.echo.get_key_value(*member));
    let echo = members.map(|(name, value)| (name.clone(), value.clone())).collect();
    let capacity_provider_strategy = service.capacity_provider_strategy.clone();
    DeploymentSettings { launch_type: service.launch_type, capacity_provider_strategy, echo }
}

fn restore(service: &mut Service, settings: &DeploymentSettings) {
    service.launch_type = settings.launch_type;
    service.capacity_provider_strategy.clone_from(&settings.capacity_provider_strategy);
    for member in DEPLOYING_MEMBERS {
        service.echo.remove(member);
    }
    service.echo.extend(settings.echo.iter().map(|(name, value)| (name.clone(), value.clone())));
}

/// Why a deployment is given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Because {
    /// Its failures reached the threshold (DEP-44).
    TooManyFailures,
    /// A user wants it stopped (DEP-53).
    Asked,
}

impl Because {
    fn reason(self) -> &'static str {
        match self {
            Because::TooManyFailures => "ECS deployment circuit breaker: tasks failed to start.",
            Because::Asked => "ECS deployment was stopped by a user.",
        }
    }

    fn reason_of_rollback(self, target: DeploymentId) -> Arc<str> {
        match self {
            Because::TooManyFailures => {
                format!("ECS deployment circuit breaker: rolling back to deploymentId {target}.").into()
            }
            Because::Asked => format!("ECS deployment was stopped: rolling back to deploymentId {target}.").into(),
        }
    }
}

impl ClusterCore {
    /// The PRIMARY deployment starts no more tasks. Where somebody wants it so, the last one that worked takes its
    /// place.
    pub(super) fn give_up(
        &mut self,
        service: &Arc<Service>,
        primary: &Arc<Deployment>,
        because: Because,
        out: &mut Outbox,
    ) {
        let wanted = match because {
            Because::TooManyFailures => service.deployment_configuration.circuit_breaker.rollback,
            Because::Asked => true,
        };
        // A rollback that fails is not rolled back in turn: that could go on for ever (DEP-46).
        let may_go_back = wanted && primary.rolling_back.is_none();
        let target = if may_go_back { self.rollback_target(&service.name) } else { None };
        let (now, reason) = (self.now, Arc::<str>::from(because.reason()));
        self.update_deployment(
            primary.id,
            |row| {
                row.rollout_state = RolloutState::Failed;
                row.rollout_state_reason = Arc::clone(&reason);
                row.rolling_back = None;
                row.next_start_at = None;
                row.next_round_at = None;
                row.updated_at = now;
            },
            out,
        );
        self.add_event(&service.name, events::failed(&service.name, primary.id, because), out);
        if because == Because::TooManyFailures && primary.rolling_back.is_none() {
            self.breaker_triggered(primary.id, out);
        }
        match target {
            Some(target) => self.roll_back(service, primary.id, &target, because.reason_of_rollback(target.id), out),
            None => self.deployment_is_stopped(primary, &reason, out),
        }
    }

    /// The most recent deployment that was COMPLETED, other than the PRIMARY itself (DEP-45, DEP-47).
    pub(super) fn rollback_target(&self, service: &ServiceName) -> Option<Arc<Deployment>> {
        let others = self.image.deployments_of_service(service).filter(|row| row.status != DeploymentStatus::Primary);
        let proven = others.filter_map(|row| Some((row.proven_at()?, row.id, row)));
        proven.max_by_key(|(at, id, _)| (*at, *id)).map(|(_, _, row)| Arc::clone(row))
    }

    /// `target` becomes PRIMARY again under its own id, and the service is what it was then; only its size stays. The
    /// definition may have been deregistered meanwhile (DEP-48).
    fn roll_back(
        &mut self,
        service: &Arc<Service>,
        given_up: DeploymentId,
        target: &Arc<Deployment>,
        reason: Arc<str>,
        out: &mut Outbox,
    ) {
        self.rollback_begins(given_up, target.id, &reason, out);
        let now = self.now;
        self.update_deployment(
            given_up,
            |row| {
                row.status = DeploymentStatus::Active;
                row.desired_count = 0;
            },
            out,
        );
        let mut row = Service::clone(&self.image.services[&service.name]);
        row.definition = Some(target.definition.clone());
        row.said.clear();
        if let Some(settings) = &target.settings {
            restore(&mut row, settings);
        }
        let definition = Arc::clone(&self.derived.definitions.get(&target.definition).definition);
        self.put_service(row, Some(&definition), out);
        // Tasks of it that still run show that it can.
        let runs = self.image.deployment_counts(target.id).running > 0;
        self.update_deployment(
            target.id,
            |row| {
                row.status = DeploymentStatus::Primary;
                row.desired_count = service.desired_count;
                row.rollout_state = RolloutState::InProgress;
                row.rollout_state_reason = reason;
                row.rolling_back = Some(RollingBack { from: given_up, started_at: now });
                row.failed_tasks = 0;
                row.has_run = runs;
                row.consecutive_start_failures = 0;
                row.next_start_at = None;
                row.next_round_at = None;
                row.updated_at = now;
            },
            out,
        );
        self.add_event(&service.name, events::rolling_back(&service.name, target.id), out);
    }
}
