//! Which engine an experiment goes through, and what each of them asks of the rest of it.

use super::error::{ExperimentError, Place};
use super::file::{EngineKey, Experiment, PolicyKeys};
use crate::cluster::Cluster;
use crate::engine::Supply;
use crate::full::{self, FullSetup, Plan, full_metrics, full_record};
use crate::metric::Metric;
use crate::queue::Queue;
use crate::record::Record;
use crate::spec::{Origin, PolicySpec};
use crate::workload::Workload;
use plimsoll_placement::policy::{Context, NodeOrder, PolicyError};
use toml::Spanned;

/// Policies that are beside every other one of the placement-only engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Baseline {
    FirstFit,
    Random,
}

impl Baseline {
    pub const ALL: [Baseline; 2] = [Baseline::FirstFit, Baseline::Random];

    pub fn name(self) -> &'static str {
        match self {
            Baseline::FirstFit => "first-fit",
            Baseline::Random => "random",
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Engine {
    PlacementOnly,
    Full(Box<Plan>),
}

impl Engine {
    /// The baselines; the first is the one the others are compared with.
    pub fn baselines(&self) -> [&'static str; 2] {
        match self {
            Engine::PlacementOnly => Baseline::ALL.map(Baseline::name),
            Engine::Full(_) => full::Baseline::ALL.map(full::Baseline::name),
        }
    }

    pub fn metrics(&self) -> Option<Vec<Metric>> {
        let Engine::Full(plan) = self else { return None };
        let has_rollouts = plan.services.iter().any(|group| group.rollout_at_s.is_some());
        Some(full_metrics(!plan.services.is_empty(), has_rollouts))
    }

    pub fn check_policy(
        &self,
        keys: Option<&PolicyKeys>,
        spec: &PolicySpec,
        context: &Context,
        place: Place,
    ) -> Result<(), ExperimentError> {
        match self {
            Engine::PlacementOnly => spec.check(context).map_err(|error| {
                let span = keys.and_then(|keys| span_of(keys, &error));
                place.at(span, error.to_string())
            }),
            Engine::Full(_) if spec.origin == Origin::Outside => {
                let problem = "the full engine places by strategies of the scheduler: expected no policy from outside";
                Err(place.at(None, format!("policy {:?}: {problem}", spec.label)))
            }
            Engine::Full(_) => match full::strategies(spec) {
                Ok(_) => Ok(()),
                Err((option, problem)) => {
                    let span = |keys: &PolicyKeys| {
                        let option = option.as_ref().and_then(|option| keys.options.get(option)).map(Spanned::span);
                        option.unwrap_or(keys.name.span())
                    };
                    Err(place.at(keys.map(span), problem))
                }
            },
        }
    }
}

fn span_of(keys: &PolicyKeys, error: &PolicyError) -> Option<std::ops::Range<usize>> {
    let option = |name: &str| keys.options.get(name).map(Spanned::span);
    let span = match error {
        PolicyError::Option { given, .. } => option(given),
        PolicyError::Value { option: name, .. } => option(name),
        _ => None,
    };
    Some(span.unwrap_or(keys.name.span()))
}

/// What the full engine does not do is refused.
pub(super) fn engine(
    experiment: &Experiment,
    cluster: &Cluster,
    original: &Workload,
    supply: Supply,
    queue: Queue,
    place: Place,
) -> Result<Engine, ExperimentError> {
    let key = experiment.engine.as_ref().map_or(EngineKey::Placement, |key| *key.get_ref());
    let plan = match (key, &experiment.full) {
        (EngineKey::Placement, None) => return Ok(Engine::PlacementOnly),
        (EngineKey::Placement, Some(plan)) => {
            return Err(place.at(Some(plan.span()), "expected engine = \"full\" beside [full]"));
        }
        (EngineKey::Full, None) => {
            let span = experiment.engine.as_ref().map(Spanned::span);
            return Err(place.at(span, "expected a table [full] beside engine = \"full\""));
        }
        (EngineKey::Full, Some(plan)) => plan,
    };
    let wrong = |problem: String| place.at(Some(plan.span()), problem);
    plan.get_ref().check().map_err(|(key, problem)| wrong(format!("{key}: {problem}")))?;
    if supply != Supply::Fixed || queue != Queue::None {
        let problem = "the full engine has all nodes always and no queue: expected neither supply nor queue";
        return Err(place.at(Some(experiment.cluster.span()), problem));
    }
    if cluster.nodes.iter().any(|node| node.shape.gpus > 0 || node.shape.tasks_max < u32::MAX) {
        let problem = "the full engine places by CPU and memory: expected nodes without gpus and tasks_max";
        return Err(place.at(Some(experiment.cluster.span()), problem));
    }
    if original.shapes.iter().any(|shape| shape.task.gpus > 0) {
        let problem = "the full engine places by CPU and memory: expected tasks without gpus";
        return Err(place.at(Some(experiment.workload.span()), problem));
    }
    if plan.get_ref().end_s.is_none() && original.end_s.is_none() {
        return Err(wrong(
            "end_s: expected the second at which the clock stops, as the tasks have no times".to_owned(),
        ));
    }
    Ok(Engine::Full(Box::new(plan.get_ref().clone())))
}

/// One run of the full engine. The seed decides tasks, services, latencies and failures.
pub(super) fn run(plan: &Plan, cluster: &Cluster, workload: &Workload, spec: &PolicySpec, seed: u64) -> Record {
    let nodes = cluster.ordered(NodeOrder::Given, seed);
    let strategies = full::strategies(spec).expect("the policies were checked");
    let end_s = plan.end_s.map_or(workload.end_s, |end_s| Some(end_s.into()));
    full_record(FullSetup {
        nodes: &nodes,
        workload,
        strategies: &strategies,
        plan,
        end_s: end_s.expect("one of both was checked to be there"),
        seed,
    })
}
