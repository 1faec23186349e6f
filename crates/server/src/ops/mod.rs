//! What each operation of the ECS API does: one file per operation, each reading its request, resolving names,
//! submitting a command or reading the committed image, and rendering the answer.
//!
//! Requests come validated against the model's tables. Inside an operation checks go in the order of W-9: what the
//! request says by itself, then the cluster, then what it refers to, then state.

mod account_setting;
mod attribute_target;
mod capacity;
mod cluster_settings;
mod continue_service_deployment;
mod create_capacity_provider;
mod create_cluster;
mod create_service;
mod create_task_set;
mod definitions;
mod delete_account_setting;
mod delete_attributes;
mod delete_capacity_provider;
mod delete_cluster;
mod delete_service;
mod delete_task_definitions;
mod delete_task_set;
mod deregister_container_instance;
mod deregister_task_definition;
mod describe_capacity_providers;
mod describe_clusters;
mod describe_container_instances;
mod describe_service_deployments;
mod describe_service_revisions;
mod describe_services;
mod describe_task_definition;
mod describe_task_sets;
mod describe_tasks;
mod discover_poll_endpoint;
mod execute_command;
mod external_service;
mod fingerprint;
mod get_task_protection;
mod input;
mod launch;
mod list_account_settings;
mod list_attributes;
mod list_clusters;
mod list_container_instances;
mod list_service_deployments;
mod list_services;
mod list_services_by_namespace;
mod list_tags_for_resource;
mod list_task_definition_families;
mod list_task_definitions;
mod list_tasks;
mod overrides;
mod placement;
mod put_account_setting;
mod put_attributes;
mod put_cluster_capacity_providers;
mod register_container_instance;
mod register_task_definition;
mod run_task;
mod service;
mod start_task;
mod state_change;
mod stop_service_deployment;
mod stop_task;
mod submit_attachment_state_changes;
mod submit_container_state_change;
mod submit_task_state_change;
mod tag_resource;
mod taggable;
mod tags;
mod task_launch;
mod task_set;
#[cfg(test)]
mod tests;
mod update_capacity_provider;
mod update_cluster;
mod update_container_agent;
mod update_container_instances_state;
mod update_service;
mod update_service_primary_task_set;
mod update_task_protection;
mod update_task_set;

use crate::Context;
use plimsoll_ecs_api::{ApiError, Call, Operation, not_implemented, parse};
use serde::Serialize;
use serde_json::Value;

/// `input` is what [`plimsoll_ecs_api::validate`] made of the body.
pub async fn dispatch(context: &Context, operation: &'static Operation, input: Value) -> Result<Value, ApiError> {
    let call = operation.call.ok_or_else(|| not_implemented(operation))?;
    match call {
        Call::ContinueServiceDeployment => answer(continue_service_deployment::run(context, parse(input)?).await),
        Call::CreateCapacityProvider => answer(create_capacity_provider::run(context, parse(input)?).await),
        Call::CreateCluster => answer(create_cluster::run(context, parse(input)?).await),
        Call::CreateService => answer(create_service::run(context, &input).await),
        Call::CreateTaskSet => answer(create_task_set::run(context, &input).await),
        Call::DeleteAccountSetting => answer(delete_account_setting::run(context, parse(input)?).await),
        Call::DeleteAttributes => answer(delete_attributes::run(context, parse(input)?).await),
        Call::DeleteCapacityProvider => answer(delete_capacity_provider::run(context, parse(input)?).await),
        Call::DeleteCluster => answer(delete_cluster::run(context, parse(input)?).await),
        Call::DeleteService => answer(delete_service::run(context, parse(input)?).await),
        Call::DeleteTaskDefinitions => answer(delete_task_definitions::run(context, parse(input)?).await),
        Call::DeleteTaskSet => answer(delete_task_set::run(context, parse(input)?).await),
        Call::DeregisterContainerInstance => answer(deregister_container_instance::run(context, parse(input)?).await),
        Call::DeregisterTaskDefinition => answer(deregister_task_definition::run(context, parse(input)?).await),
        Call::DescribeCapacityProviders => answer(describe_capacity_providers::run(context, operation, input).await),
        Call::DescribeClusters => answer(describe_clusters::run(context, parse(input)?).await),
        Call::DescribeContainerInstances => answer(describe_container_instances::run(context, parse(input)?).await),
        Call::DescribeServiceDeployments => answer(describe_service_deployments::run(context, parse(input)?).await),
        Call::DescribeServiceRevisions => answer(describe_service_revisions::run(context, parse(input)?).await),
        Call::DescribeServices => answer(describe_services::run(context, parse(input)?).await),
        Call::DescribeTaskDefinition => answer(describe_task_definition::run(context, parse(input)?).await),
        Call::DescribeTaskSets => answer(describe_task_sets::run(context, parse(input)?).await),
        Call::DescribeTasks => answer(describe_tasks::run(context, parse(input)?).await),
        Call::DiscoverPollEndpoint => answer(Ok(discover_poll_endpoint::run(context))),
        Call::ExecuteCommand => answer(execute_command::run(context, parse(input)?).await),
        Call::GetTaskProtection => answer(get_task_protection::run(context, parse(input)?).await),
        Call::ListAccountSettings => answer(list_account_settings::run(context, operation, input).await),
        Call::ListAttributes => answer(list_attributes::run(context, operation, input).await),
        Call::ListClusters => answer(list_clusters::run(context, operation, &input).await),
        Call::ListContainerInstances => answer(list_container_instances::run(context, operation, input).await),
        Call::ListServiceDeployments => answer(list_service_deployments::run(context, operation, input).await),
        Call::ListServices => answer(list_services::run(context, operation, input).await),
        Call::ListServicesByNamespace => answer(list_services_by_namespace::run(&parse(input)?)),
        Call::ListTagsForResource => answer(list_tags_for_resource::run(context, parse(input)?).await),
        Call::ListTaskDefinitionFamilies => answer(list_task_definition_families::run(context, operation, input).await),
        Call::ListTaskDefinitions => answer(list_task_definitions::run(context, operation, input).await),
        Call::ListTasks => answer(list_tasks::run(context, operation, input).await),
        Call::PutAccountSetting => answer(put_account_setting::run(context, parse(input)?).await),
        Call::PutAccountSettingDefault => answer(put_account_setting::run_default(context, parse(input)?).await),
        Call::PutAttributes => answer(put_attributes::run(context, parse(input)?).await),
        Call::PutClusterCapacityProviders => answer(put_cluster_capacity_providers::run(context, parse(input)?).await),
        Call::RegisterContainerInstance => answer(register_container_instance::run(context, parse(input)?).await),
        Call::RegisterTaskDefinition => answer(register_task_definition::run(context, input).await),
        Call::RunTask => answer(run_task::run(context, &input).await),
        Call::StartTask => answer(start_task::run(context, parse(input)?).await),
        Call::StopServiceDeployment => answer(stop_service_deployment::run(context, parse(input)?).await),
        Call::StopTask => answer(stop_task::run(context, parse(input)?).await),
        Call::SubmitAttachmentStateChanges => {
            answer(submit_attachment_state_changes::run(context, parse(input)?).await)
        }
        Call::SubmitContainerStateChange => answer(submit_container_state_change::run(context, parse(input)?).await),
        Call::SubmitTaskStateChange => answer(submit_task_state_change::run(context, parse(input)?).await),
        Call::TagResource => answer(tag_resource::tag(context, parse(input)?).await),
        Call::UntagResource => answer(tag_resource::untag(context, parse(input)?).await),
        Call::UpdateCapacityProvider => answer(update_capacity_provider::run(context, parse(input)?).await),
        Call::UpdateCluster => answer(update_cluster::run(context, parse(input)?).await),
        Call::UpdateClusterSettings => answer(update_cluster::run_settings(context, parse(input)?).await),
        Call::UpdateContainerAgent => answer(update_container_agent::run(context, parse(input)?).await),
        Call::UpdateContainerInstancesState => {
            answer(update_container_instances_state::run(context, parse(input)?).await)
        }
        Call::UpdateService => answer(update_service::run(context, parse(input)?).await),
        Call::UpdateServicePrimaryTaskSet => answer(update_service_primary_task_set::run(context, parse(input)?).await),
        Call::UpdateTaskProtection => answer(update_task_protection::run(context, parse(input)?).await),
        Call::UpdateTaskSet => answer(update_task_set::run(context, parse(input)?).await),
    }
}

fn answer<T: Serialize>(response: Result<T, ApiError>) -> Result<Value, ApiError> {
    response.map(|response| serde_json::to_value(response).expect("wire types have text keys and finite numbers"))
}
