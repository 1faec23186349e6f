//! ListContainerInstances (CI-10): by status and by an expression of the cluster query language.
//!
//! The expression is evaluated by the scheduler's own `Fleet`, built from the rows of one slice of instances at a time:
//! an expression speaks of one instance only, so slices see what the whole would.

use super::input::invalid;
use crate::Context;
use crate::resolve::{self, ActiveCluster};
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{Image, Instance, InstanceId, InstanceStatus, Reserved};
use plimsoll_placement::{Expression, Fleet, NodeSpec};
use serde_json::Value;
use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

/// Instances looked at under one read lock: commits wait for readers.
const SLICE_INSTANCES: usize = 500;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListContainerInstancesResponse, ApiError> {
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListContainerInstancesRequest = parse(input)?;
    let filter = request.filter.filter(|filter| !filter.trim().is_empty());
    let filter =
        filter.map(|filter| Expression::parse(&filter)).transpose().map_err(|error| invalid(error.to_string()))?;
    let wanted = Wanted {
        // A status of ECS that instances here never have matches nothing.
        status: request.status.map(|status| InstanceStatus::parse(&status)),
        filter,
    };
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let after = pager.after().and_then(|key| key.parse::<InstanceId>().ok());
    let found = find(&cluster, &wanted, after, pager.limit + 1)?;
    let page = pager.page(found, InstanceId::to_string);
    let arns = page.items.iter().map(|id| cluster.arns.instance(*id)).collect();
    Ok(types::ListContainerInstancesResponse { container_instance_arns: Some(arns), next_token: page.next_token })
}

struct Wanted {
    /// Outer `None`: all but INACTIVE ones.
    status: Option<Option<InstanceStatus>>,
    filter: Option<Expression>,
}

impl Wanted {
    fn status_fits(&self, instance: &Instance) -> bool {
        match self.status {
            None => instance.status != InstanceStatus::Inactive,
            Some(status) => status == Some(instance.status),
        }
    }

    /// Groups cost a look at every task, so they are collected only for an expression that can ask for them.
    fn reads_groups(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.source().contains("task:group"))
    }
}

/// What an expression can ask of an instance.
struct Candidate {
    row: Arc<Instance>,
    running: u32,
    groups: BTreeSet<Arc<str>>,
}

fn find(
    cluster: &ActiveCluster,
    wanted: &Wanted,
    mut after: Option<InstanceId>,
    limit: usize,
) -> Result<Vec<InstanceId>, ApiError> {
    let mut found = Vec::new();
    while found.len() < limit {
        let slice = cluster.read(|image| slice(image, after, wanted))?;
        let Some(last) = slice.last else { break };
        after = Some(last);
        found.extend(matching(slice.candidates, wanted.filter.as_ref()));
    }
    found.truncate(limit);
    Ok(found)
}

struct Slice {
    candidates: Vec<Candidate>,
    /// The last instance looked at, whether or not it fits.
    last: Option<InstanceId>,
}

fn slice(image: &Image, after: Option<InstanceId>, wanted: &Wanted) -> Slice {
    let from = after.map_or(Bound::Unbounded, Bound::Excluded);
    let mut slice = Slice { candidates: Vec::new(), last: None };
    for (id, row) in image.instances.range((from, Bound::Unbounded)).take(SLICE_INSTANCES) {
        slice.last = Some(*id);
        if wanted.status_fits(row) {
            let live = image.tasks_of_instance(*id).filter(|task| wanted.reads_groups() && task.is_live());
            slice.candidates.push(Candidate {
                row: Arc::clone(row),
                running: image.instance_counts(*id).running,
                groups: live.map(|task| Arc::clone(&task.group)).collect(),
            });
        }
    }
    slice
}

fn matching(candidates: Vec<Candidate>, filter: Option<&Expression>) -> Vec<InstanceId> {
    let Some(filter) = filter else { return candidates.iter().map(|one| one.row.id).collect() };
    let mut fleet = Fleet::new();
    let mut fits = |candidate: &Candidate| {
        let idx = fleet.put(node(&candidate.row));
        fleet.set_running(idx, candidate.running);
        for name in &candidate.groups {
            let group = fleet.group(name);
            // One task stands for all of its group: only whether there is one can be asked.
            fleet.add_task(idx, group, &Reserved::default());
        }
        fleet.matches(idx, filter)
    };
    candidates.iter().filter(|candidate| fits(candidate)).map(|candidate| candidate.row.id).collect()
}

fn node(row: &Instance) -> NodeSpec {
    let attributes = row.attributes.iter().map(|(name, attribute)| (Arc::clone(name), attribute.value.clone()));
    NodeSpec {
        instance: row.id,
        ec2_instance_id: Arc::clone(&row.ec2_instance_id),
        registered_at: row.registered_at,
        agent_version: row.version_info.agent_version.clone(),
        attributes: attributes.collect(),
        resources: row.registered.clone(),
        active: row.status == InstanceStatus::Active,
        connected: row.agent_connected,
        damped: false,
    }
}
