//! ListServiceDeployments (DEP-52): newest first.

use super::input::invalid;
use crate::error_map::command_error;
use crate::render::service_deployment_brief;
use crate::{Context, resolve};
use plimsoll_core::CommandError;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{ServiceDeployment, ServiceDeploymentStatus};
use serde_json::Value;
use std::cmp::Reverse;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListServiceDeploymentsResponse, ApiError> {
    let pager = Pager::<Reverse<String>>::of(operation, &input)?;
    let request: types::ListServiceDeploymentsRequest = parse(input)?;
    let arns = resolve::cluster_name(context, request.cluster.as_deref())?;
    let service = arns.service_name(request.service.as_deref().unwrap_or_default())?;
    let filter = Filter::read(&request)?;
    let cluster = resolve::active_cluster(context, arns)?;
    let page = cluster.read(|image| {
        image.services.get(&service)?;
        let fitting = image.service_deployments_of(&service).filter(|row| filter.fits(row)).cloned();
        Some(pager.page(fitting, |row| key(row)))
    })?;
    let Some(page) = page else {
        return Err(command_error(&cluster.arns, CommandError::ServiceNotFound { service }));
    };
    let briefs = page.items.iter().map(|row| service_deployment_brief(&cluster.arns, row)).collect();
    Ok(types::ListServiceDeploymentsResponse { service_deployments: Some(briefs), next_token: page.next_token })
}

/// Ordered as text like (time, id) as numbers.
fn key(row: &ServiceDeployment) -> Reverse<String> {
    Reverse(format!("{:020}-{:020}", row.created_at.as_millis(), row.id.as_u64()))
}

struct Filter {
    statuses: Vec<ServiceDeploymentStatus>,
    after: Option<f64>,
    before: Option<f64>,
}

impl Filter {
    fn read(request: &types::ListServiceDeploymentsRequest) -> Result<Self, ApiError> {
        let given = request.status.as_deref().unwrap_or_default().iter();
        let status = |word: &String| {
            let status = ServiceDeploymentStatus::parse(word);
            status.ok_or_else(|| invalid(format!("{word} is no status of a service deployment.")))
        };
        let period = request.created_at.as_ref();
        Ok(Filter {
            statuses: given.map(status).collect::<Result<_, _>>()?,
            after: period.and_then(|period| period.after),
            before: period.and_then(|period| period.before),
        })
    }

    fn fits(&self, row: &ServiceDeployment) -> bool {
        let created_at = row.created_at.as_epoch_seconds();
        (self.statuses.is_empty() || self.statuses.contains(&row.status))
            && self.after.is_none_or(|after| created_at > after)
            && self.before.is_none_or(|before| created_at < before)
    }
}
