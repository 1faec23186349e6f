//! Dependencies between containers (TD-45 to TD-47), as a graph.

use super::document::{Document, given, objects, text};
use super::{Checked, refuse};
use petgraph::graphmap::DiGraphMap;

pub(super) fn check(document: &Document<'_>) -> Checked {
    let mut graph: DiGraphMap<&str, ()> = DiGraphMap::new();
    for container in document.containers() {
        for dependency in objects(container.members, "dependsOn") {
            let target_name = text(dependency, "containerName").unwrap_or_default();
            let condition = text(dependency, "condition").unwrap_or_default();
            if target_name == container.name() {
                return refuse(format!("Container '{target_name}' cannot depend on itself."));
            }
            let Some(target) = document.container(target_name) else {
                return refuse(format!(
                    "Container '{}' depends on '{target_name}', which is not in the task definition.",
                    container.name()
                ));
            };
            if matches!(condition, "COMPLETE" | "SUCCESS") && target.essential() {
                return refuse(
                    "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
                );
            }
            if condition == "HEALTHY" && !given(target.members, "healthCheck") {
                return refuse(format!(
                    "Container '{}' waits for '{target_name}' to be HEALTHY, but that container has no healthCheck.",
                    container.name()
                ));
            }
            graph.add_edge(container.name(), target_name, ());
        }
    }
    let cycle = petgraph::algo::tarjan_scc(&graph).into_iter().find(|component| component.len() > 1);
    if let Some(mut members) = cycle {
        members.sort_unstable();
        return refuse(format!("The dependencies of containers {} form a cycle.", members.join(", ")));
    }
    Ok(())
}
