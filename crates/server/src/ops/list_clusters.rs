//! ListClusters: ACTIVE ones.

use crate::Context;
use crate::error_map::submit_error;
use crate::resolve::Arns;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, types};
use plimsoll_model::Image;
use serde_json::Value;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: &Value,
) -> Result<types::ListClustersResponse, ApiError> {
    let pager = Pager::<String>::of(operation, input)?;
    let mut active = Vec::new();
    // In order of name, which is the order of ARNs within a namespace.
    for handle in context.control.clusters(&context.namespace) {
        let arns = Arns::new(&context.namespace, handle.key().name.clone());
        if handle.read(Image::is_active).map_err(|error| submit_error(&arns, error))? {
            active.push(arns);
        }
    }
    let page = pager.page(active, |arns| arns.key.name.to_string());
    let cluster_arns = page.items.iter().map(Arns::cluster).collect();
    Ok(types::ListClustersResponse { cluster_arns: Some(cluster_arns), next_token: page.next_token })
}
