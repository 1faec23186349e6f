//! In what order the containers of a task start and stop. Knows definitions, not what runs.
//!
//! Edges come from `dependsOn`, `links` and `volumesFrom`; the last two mean that the other container was started
//! (TD-51). Stopping goes the other way.

use petgraph::Direction;
use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};
use petgraph::visit::EdgeRef;
use plimsoll_model::{DependencyCondition, TaskDefinition};
use serde_json::Value;

/// A cycle through `links` and `volumesFrom` passes registration and shows only here (TD-51).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("container {name} waits for itself through dependsOn, links or volumesFrom")]
pub(super) struct Cycle {
    pub name: String,
}

/// Containers are nodes by position; an edge leads from the one waited for to the one that waits.
#[derive(Debug)]
pub(super) struct StartOrder {
    graph: DiGraph<(), DependencyCondition, u32>,
}

impl StartOrder {
    /// `None` when every container may start at once: most tasks, and nothing to keep for them.
    pub fn of(definition: &TaskDefinition) -> Result<Option<StartOrder>, Cycle> {
        let mut graph = DiGraph::with_capacity(definition.containers.len(), 0);
        definition.containers.iter().for_each(|_| {
            graph.add_node(());
        });
        let position = |name: &str| {
            let found = definition.containers.iter().position(|container| &*container.name == name);
            found.map(NodeIndex::new)
        };
        for (waits, container) in definition.containers.iter().enumerate() {
            let waits = NodeIndex::new(waits);
            for dependency in &container.depends_on {
                if let Some(waited_for) = position(&dependency.container_name) {
                    graph.add_edge(waited_for, waits, dependency.condition);
                }
            }
            for name in implied_by_document(definition, waits.index()) {
                if let Some(waited_for) = position(name) {
                    graph.add_edge(waited_for, waits, DependencyCondition::Start);
                }
            }
        }
        if graph.edge_count() == 0 {
            return Ok(None);
        }
        match toposort(&graph, None) {
            Ok(_) => Ok(Some(StartOrder { graph })),
            Err(cycle) => Err(Cycle { name: definition.containers[cycle.node_id().index()].name.to_string() }),
        }
    }

    /// What container `index` waits for.
    pub fn waits_for(&self, index: usize) -> impl Iterator<Item = (usize, DependencyCondition)> {
        let edges = self.graph.edges_directed(NodeIndex::new(index), Direction::Incoming);
        edges.map(|edge| (edge.source().index(), *edge.weight()))
    }

    /// The containers that stop before `index` does.
    pub fn waited_for_by(&self, index: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbors_directed(NodeIndex::new(index), Direction::Outgoing).map(NodeIndex::index)
    }
}

/// `links` are `name` or `name:alias`; `volumesFrom` names a `sourceContainer`.
fn implied_by_document(definition: &TaskDefinition, index: usize) -> Vec<&str> {
    let container = definition.document.get("containerDefinitions").and_then(|list| list.get(index));
    let list = |member: &str| container.and_then(|one| one.get(member)).and_then(Value::as_array);
    let links = list("links").into_iter().flatten().filter_map(Value::as_str);
    let linked = links.filter_map(|link| link.split(':').next());
    let sources = list("volumesFrom").into_iter().flatten();
    linked.chain(sources.filter_map(|source| source.get("sourceContainer")?.as_str())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::definition;
    use super::*;
    use serde_json::json;

    #[test]
    fn links_and_volumes_order_starts_as_depends_on_does_td_51() {
        let chained = definition(json!([
            {"name": "db", "image": "db"},
            {"name": "files", "image": "files"},
            {"name": "web", "image": "web", "links": ["db:database"], "volumesFrom": [{"sourceContainer": "files"}],
             "dependsOn": [{"containerName": "db", "condition": "HEALTHY"}]},
        ]));
        let order = StartOrder::of(&chained).expect("no cycle").expect("edges");
        let mut waits: Vec<_> = order.waits_for(2).collect();
        waits.sort();
        assert_eq!(
            waits,
            [(0, DependencyCondition::Start), (0, DependencyCondition::Healthy), (1, DependencyCondition::Start)]
        );
        assert_eq!(order.waited_for_by(1).collect::<Vec<_>>(), [2]);
        assert!(order.waits_for(0).next().is_none());
    }

    #[test]
    fn a_cycle_through_links_is_found_when_it_is_to_run_td_51() {
        let cyclic = definition(json!([
            {"name": "a", "image": "a", "links": ["b"]},
            {"name": "b", "image": "b", "volumesFrom": [{"sourceContainer": "a"}]},
        ]));
        assert!(StartOrder::of(&cyclic).is_err());
        let plain = definition(json!([{"name": "a", "image": "a"}]));
        assert!(matches!(StartOrder::of(&plain), Ok(None)));
    }
}
