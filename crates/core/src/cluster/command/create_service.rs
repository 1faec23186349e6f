//! CreateService (SVC-1..8).

use super::super::rollback::settings_of;
use super::super::{ClusterCore, Outbox};
use super::daemon_rules::Wishes;
use crate::command::CreateService;
use crate::{CommandError, Output};
use plimsoll_model::{
    Deployment, DeploymentId, DeploymentStatus, RolloutState, Service, ServiceName, ServiceStatus, TaskDefinition,
    TokenResult,
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
        let service = request.name.clone();
        match existing {
            Some(ServiceStatus::Active) => return Err(CommandError::ServiceExists { service }),
            Some(ServiceStatus::Draining) => return Err(CommandError::ServiceDraining { service }),
            Some(ServiceStatus::Inactive) | None => {}
        }
        self.parse_constraints(&request.definition, &request.placement_constraints)?;
        Wishes::of_creation(&request).check(request.scheduling_strategy)?;

        // Nothing of an INACTIVE service of that name shows in the new one (SVC-3); its event numbers are not reused.
        self.forget_events(&service, out);
        let next_event_sequence = self.image.services.get(&service).map_or(1, |old| old.next_event_sequence);
        self.remember(request.client_token, TokenResult::Service(service.clone()), out);
        let row = Service {
            name: request.name,
            status: ServiceStatus::Active,
            desired_count: request.desired_count,
            definition: Some(request.definition.id.clone()),
            launch_type: request.launch_type,
            scheduling_strategy: request.scheduling_strategy,
            deployment_configuration: request.deployment_configuration,
            placement_constraints: request.placement_constraints,
            placement_strategy: request.placement_strategy,
            health_check_grace_period_seconds: request.health_check_grace_period_seconds,
            availability_zone_rebalancing: request.availability_zone_rebalancing,
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
        self.put_service(row, Some(&request.definition), out);
        self.new_deployment(&service, request.desired_count, &request.definition, out);
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
            id,
            service: service.clone(),
            status: DeploymentStatus::Primary,
            definition: definition.id.clone(),
            settings,
            desired_count,
            rollout_state: RolloutState::InProgress,
            rollout_state_reason: format!("ECS deployment {id} in progress.").into(),
            completed_at: None,
            rolling_back: None,
            failed_tasks: 0,
            has_run: false,
            consecutive_start_failures: 0,
            next_start_at: None,
            next_round_at: None,
            created_at: self.now,
            updated_at: self.now,
        };
        self.create_deployment(row, definition, out);
    }

    fn new_deployment_id(&mut self) -> DeploymentId {
        loop {
            let id = self.random.deployment_id();
            if !self.image.deployments.contains_key(&id) {
                return id;
            }
        }
    }
}
