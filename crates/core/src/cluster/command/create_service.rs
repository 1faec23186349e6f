//! CreateService (SVC-1..8).

use super::super::rollback::settings_of;
use super::super::{ClusterCore, Outbox};
use super::daemon_rules::Wishes;
use crate::command::CreateService;
use crate::{CommandError, Output};
use plimsoll_model::{
    Deployment, DeploymentController, DeploymentId, SchedulingStrategy, Service, ServiceName, ServiceStatus,
    TaskDefinition, TokenResult,
};
use std::sync::Arc;

impl ClusterCore {
    pub(super) fn create_service(&mut self, request: CreateService, out: &mut Outbox) -> Result<Output, CommandError> {
        let existing = self.image.services.get(&request.name).map(|row| row.status);
        if let Some(TokenResult::Service(name)) = self.replayed(request.client_token.as_ref())?
            && self.image.services.contains_key(&name)
        {
            return Ok(Output::Service(name));
        }
        // Daemons are on every instance; task sets have strategies of their own.
        let strategy = match (request.scheduling_strategy, &request.definition) {
            (SchedulingStrategy::Replica, Some(_)) => {
                self.chosen_strategy(request.capacity_provider_strategy.clone())?
            }
            (SchedulingStrategy::Daemon, _) | (_, None) => Vec::new(),
        };
        let service = request.name.clone();
        match existing {
            Some(ServiceStatus::Active) => return Err(CommandError::ServiceExists { service }),
            Some(ServiceStatus::Draining) => return Err(CommandError::ServiceDraining { service }),
            Some(ServiceStatus::Inactive) | None => {}
        }
        let controller = match &request.definition {
            Some(definition) => {
                self.parse_constraints(definition, &request.placement_constraints)?;
                DeploymentController::Ecs
            }
            None => {
                if request.scheduling_strategy == SchedulingStrategy::Daemon {
                    let text =
                        "The daemon scheduling strategy does not support deployment controller EXTERNAL: use ECS.";
                    return Err(CommandError::InvalidParameter(text.to_owned()));
                }
                self.parse_constraints_with(&[], &request.placement_constraints)?;
                DeploymentController::External
            }
        };
        Wishes::of_creation(&request).check(request.scheduling_strategy)?;

        // Nothing of an INACTIVE service of that name shows in the new one (SVC-3); its event numbers are not reused.
        self.forget_events(&service, out);
        self.forget_history(&service, out);
        let next_event_sequence = self.image.services.get(&service).map_or(1, |old| old.next_event_sequence);
        self.remember(request.client_token, TokenResult::Service(service.clone()), out);
        let row = Service {
            name: request.name,
            status: ServiceStatus::Active,
            desired_count: request.desired_count,
            definition: request.definition.as_ref().map(|definition| definition.id.clone()),
            controller,
            launch_type: request.launch_type,
            capacity_provider_strategy: strategy,
            scheduling_strategy: request.scheduling_strategy,
            deployment_configuration: request.deployment_configuration,
            placement_constraints: request.placement_constraints,
            placement_strategy: request.placement_strategy,
            health_check_grace_period_seconds: request.health_check_grace_period_seconds,
            // Task sets are not rebalanced (SVC-60).
            availability_zone_rebalancing: request.availability_zone_rebalancing
                && controller == DeploymentController::Ecs,
            rebalancing: None,
            propagate_tags: request.propagate_tags,
            enable_ecs_managed_tags: request.enable_ecs_managed_tags,
            enable_execute_command: request.enable_execute_command,
            created_at: self.now,
            created_by: request.created_by,
            inactive_at: None,
            next_event_sequence,
            said: Vec::new(),
            tags: request.tags,
            echo: request.echo,
        };
        self.put_service(row, request.definition.as_ref(), out);
        if let Some(definition) = &request.definition {
            self.new_deployment(&service, request.desired_count, definition, out);
        }
        self.work.mark(&service);
        Ok(Output::Service(service))
    }

    /// Becomes the PRIMARY; there must be no other. It takes its settings from the service row.
    pub(super) fn new_deployment(
        &mut self,
        service: &ServiceName,
        desired_count: u32,
        definition: &Arc<TaskDefinition>,
        out: &mut Outbox,
    ) {
        assert!(self.image.primary_deployment(service).is_none(), "service {service} has a primary deployment (I-10)");
        let id = self.new_deployment_id();
        let settings = self.image.services.get(service).map(|row| Arc::new(settings_of(row)));
        let row = Deployment {
            settings,
            desired_count,
            rollout_state_reason: format!("ECS deployment {id} in progress.").into(),
            ..Deployment::new(id, service.clone(), definition.id.clone(), self.now)
        };
        self.create_deployment(row, definition, out);
        let row = Arc::clone(&self.image.deployments[&id]);
        self.record_deployment(&row, definition, out);
    }

    pub(super) fn new_deployment_id(&mut self) -> DeploymentId {
        loop {
            let id = self.random.deployment_id();
            // The history keeps the ids of deployments that are gone.
            if !self.image.deployments.contains_key(&id) && !self.image.service_deployments.contains_key(&id) {
                return id;
            }
        }
    }
}
