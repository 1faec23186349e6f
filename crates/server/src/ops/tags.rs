//! Tags as requests bring them and as tasks inherit them (TAG-4). Their characters, number and uniqueness were checked
//! with the rest of the request (TAG-1).

use plimsoll_ecs_api::types;
use plimsoll_model::{ClusterName, PropagateTags, Tags, TaskDefinition};

pub(super) fn read(given: Option<Vec<types::Tag>>) -> Tags {
    let pair = |tag: types::Tag| (tag.key.unwrap_or_default().into(), tag.value.unwrap_or_default().into());
    given.unwrap_or_default().into_iter().map(pair).collect()
}

/// The tags of tasks started by request: own ones win over propagated ones, managed ones come on top.
pub(super) fn of_started_tasks(
    own: Tags,
    propagate: PropagateTags,
    definition: &TaskDefinition,
    managed_for: Option<&ClusterName>,
) -> Tags {
    let mut tags = match propagate {
        PropagateTags::TaskDefinition => definition.tags.clone(),
        PropagateTags::Service | PropagateTags::None => Tags::new(),
    };
    tags.extend(own);
    if let Some(cluster) = managed_for {
        tags.insert("aws:ecs:clusterName".into(), cluster.shared());
    }
    tags
}
