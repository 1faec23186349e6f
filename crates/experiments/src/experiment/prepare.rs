//! An experiment with its files read and everything about it checked: numbered runs.

use super::engine::{self, Engine};
use super::error::{ExperimentError, Place};
use super::file::{Experiment, PolicyKeys, QueueKey, SupplyKey};
use super::inputs::{self, Recipe};
use super::scene::Scene;
use super::{Files, sweep};
use crate::cluster::Cluster;
use crate::decide::{ByScore, Decide};
use crate::engine::Supply;
use crate::metric::Metric;
use crate::queue::Queue;
use crate::record::Record;
use crate::spec::PolicySpec;
use plimsoll_placement::policy::{Context, OptionValue, Policy};
use std::sync::OnceLock;

/// One combination of swept values.
#[derive(Debug)]
pub struct Point {
    /// Parameter and value; empty without sweeps.
    pub assignment: Vec<(String, String)>,
    pub policies: Vec<PolicySpec>,
    cluster: Cluster,
    recipe: Recipe,
    supply: Supply,
    queue: Queue,
    engine: Engine,
    /// Per seed; the same for every policy. Empty unless somebody asked for it.
    lp_bounds: Vec<OnceLock<Result<u64, String>>>,
}

#[derive(Debug)]
pub struct Prepared {
    pub title: String,
    pub seeds: Vec<u64>,
    pub points: Vec<Point>,
    pub metrics: Vec<Metric>,
    /// Whether the tasks have times: what the horizontal axis of curves is.
    pub timed: bool,
    /// The policy the others are compared with, by index.
    pub reference: usize,
}

/// Seeds of one experiment.
const SEEDS_MAX: usize = 10_000;

/// What whoever runs an experiment adds to its file.
#[derive(Clone, Copy, Debug)]
pub struct Additions<'a> {
    /// Between those of the file and the baselines.
    pub policies: &'a [PolicySpec],
    /// Instead of those of the file; each once.
    pub seeds: Option<&'a [u64]>,
}

impl Experiment {
    /// The files it names.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.names().into_iter().map(|name| name.get_ref().as_str())
    }

    /// Reads and checks everything. `file` and `text` are those it was parsed from.
    pub fn prepare(&self, file: &str, text: &str, files: &Files) -> Result<Prepared, ExperimentError> {
        self.prepare_with(&Additions { policies: &[], seeds: None }, file, text, files)
    }

    /// The same with what somebody adds.
    pub fn prepare_with(
        &self,
        additions: &Additions,
        file: &str,
        text: &str,
        files: &Files,
    ) -> Result<Prepared, ExperimentError> {
        let place = Place { file, text };
        let count = additions.seeds.map_or(*self.seeds.count.get_ref() as usize, <[u64]>::len);
        if count == 0 || count > SEEDS_MAX {
            let span = additions.seeds.is_none().then(|| self.seeds.count.span());
            return Err(place.at(span, format!("expected 1 to {SEEDS_MAX} seeds, found {count}")));
        }
        let seeds = additions.seeds.map_or_else(|| self.seeds.list(), <[u64]>::to_vec);
        let mut points = Vec::new();
        for (assignment, swept) in sweep::points(self, place)? {
            // Spans of a swept experiment are those of a text nobody sees.
            let (sought, own_place) =
                if assignment.is_empty() { (self, place) } else { (&swept, Place { text: "", ..place }) };
            points.push(point(sought, additions.policies, assignment, seeds[0], (files, own_place))?);
        }
        let first = &points[0];
        let is_full = |point: &Point| matches!(point.engine, Engine::Full(_));
        if points.iter().any(|point| is_full(point) != is_full(first)) {
            let problem = "expected the same engine for all combinations of swept values".to_owned();
            return Err(ExperimentError::Whole { file: file.to_owned(), problem });
        }
        let timed = is_full(first) || first.recipe.original(&first.cluster, seeds[0]).end_s.is_some();
        let queue = points.iter().map(|point| point.queue).find(|queue| *queue != Queue::None).unwrap_or_default();
        let gpus = first.cluster.total().gpu_milli > 0;
        let fitting = || first.engine.metrics().unwrap_or_else(|| fitting_metrics(timed, first.supply, queue, gpus));
        let metrics = self.metrics(place)?.unwrap_or_else(fitting);
        let lp_asked = metrics.iter().any(|metric| matches!(metric, Metric::HostsLpBound | Metric::HostsLpGap));
        let reference = first.policies.iter().position(|policy| policy.name == first.engine.baselines()[0]);
        let reference = reference.expect("baselines are always there");
        if lp_asked {
            points.iter_mut().for_each(|point| point.lp_bounds = vec![OnceLock::new(); seeds.len()]);
        }
        Ok(Prepared { title: self.title.clone(), seeds, points, metrics, timed, reference })
    }
}

fn point(
    experiment: &Experiment,
    added: &[PolicySpec],
    assignment: Vec<(String, String)>,
    seed: u64,
    (files, place): (&Files, Place),
) -> Result<Point, ExperimentError> {
    let cluster = inputs::cluster(experiment, files, place)?;
    let recipe = inputs::recipe(experiment, &cluster, files, place)?;
    let supply = match experiment.cluster.get_ref().supply {
        SupplyKey::Fixed => Supply::Fixed,
        SupplyKey::Elastic => Supply::Elastic,
    };
    let original = recipe.original(&cluster, seed);
    let queue = queue_of(experiment, original.end_s.is_some(), place)?;
    let engine = engine::engine(experiment, &cluster, &original, supply, queue, place)?;
    let typical = original.typical();
    let context = Context { largest: cluster.largest(), typical: &typical };
    let mut policies = Vec::new();
    for keys in &experiment.policies {
        let spec = spec_of(keys);
        engine.check_policy(Some(keys), &spec, &context, place)?;
        add(spec, &engine, &mut policies).map_err(|problem| place.at(Some(keys.name.span()), problem))?;
    }
    for spec in added {
        engine.check_policy(None, spec, &context, place)?;
        add(spec.clone(), &engine, &mut policies).map_err(|problem| place.at(None, problem))?;
    }
    add_baselines(&mut policies, &engine);
    Ok(Point { assignment, policies, cluster, recipe, supply, queue, engine, lp_bounds: Vec::new() })
}

fn queue_of(experiment: &Experiment, timed: bool, place: Place) -> Result<Queue, ExperimentError> {
    let Some(key) = &experiment.cluster.get_ref().queue else { return Ok(Queue::None) };
    let queue = match key.get_ref() {
        QueueKey::None => Queue::None,
        QueueKey::Fifo => Queue::Fifo,
        QueueKey::Backfill => Queue::Backfill,
    };
    if queue != Queue::None && !timed {
        let problem = "the tasks have no times, so nothing ever leaves: expected queue = \"none\"";
        return Err(place.at(Some(key.span()), problem));
    }
    Ok(queue)
}

fn add(spec: PolicySpec, engine: &Engine, policies: &mut Vec<PolicySpec>) -> Result<(), String> {
    if policies.iter().any(|known| known.label == spec.label) {
        return Err(format!("expected a label of its own, found {:?} twice", spec.label));
    }
    // The baseline of that name is still to come.
    if spec.name != spec.label && engine.baselines().contains(&spec.label.as_str()) {
        return Err(format!("expected a label of its own, found that of {}", spec.label));
    }
    policies.push(spec);
    Ok(())
}

/// Baselines that are missing come last, with the node order of the first policy: it is theirs to compare with.
fn add_baselines(policies: &mut Vec<PolicySpec>, engine: &Engine) {
    let order = policies.first().and_then(|policy| policy.options.get("node_order").cloned());
    for baseline in engine.baselines() {
        if !policies.iter().any(|policy| policy.name == baseline) {
            let mut spec = PolicySpec::new(baseline, baseline);
            if let Some(order @ OptionValue::Text(_)) = &order {
                spec = spec.with("node_order", order.clone());
            }
            policies.push(spec);
        }
    }
}

fn spec_of(keys: &PolicyKeys) -> PolicySpec {
    let name = keys.name.get_ref();
    let mut spec = PolicySpec::new(keys.label.as_ref().unwrap_or(name), name);
    for (option, value) in &keys.options {
        spec = spec.with(option, value.get_ref().value());
    }
    spec
}

fn fitting_metrics(timed: bool, supply: Supply, queue: Queue, gpus: bool) -> Vec<Metric> {
    let mut metrics = match (timed, supply) {
        _ if queue != Queue::None => vec![
            Metric::QueueDelayMean,
            Metric::QueueDelayP99,
            Metric::QueueDelayMax,
            Metric::NeverStarted,
            Metric::Waiting,
            Metric::Allocated,
        ],
        (true, Supply::Elastic) => vec![Metric::HostHours, Metric::HostsPeak, Metric::HostHoursGap, Metric::Opens],
        (true, Supply::Fixed) => vec![Metric::Rejected, Metric::Allocated, Metric::HostsPeak],
        (false, Supply::Elastic) => vec![Metric::HostsPeak, Metric::HostsGap, Metric::Allocated],
        (false, Supply::Fixed) => vec![Metric::Allocated, Metric::AllocatedGap, Metric::Rejected],
    };
    if gpus {
        metrics.push(Metric::Fragmented);
    }
    metrics.extend([Metric::StrandedCpu, Metric::Imbalance]);
    metrics
}

impl Prepared {
    pub fn policies(&self) -> usize {
        self.points[0].policies.len()
    }

    pub fn runs(&self) -> usize {
        self.points.len() * self.policies() * self.seeds.len()
    }

    /// Point, policy and seed of a run, by index.
    pub fn indices(&self, nth: usize) -> (usize, usize, usize) {
        let (seeds, policies) = (self.seeds.len(), self.policies());
        (nth / seeds / policies, nth / seeds % policies, nth % seeds)
    }

    /// The policy of a run.
    pub fn policy(&self, nth: usize) -> &PolicySpec {
        let (point, policy, _) = self.indices(nth);
        &self.points[point].policies[policy]
    }

    /// The seed of a run.
    pub fn seed(&self, nth: usize) -> u64 {
        self.seeds[self.indices(nth).2]
    }

    /// The nodes of a run.
    pub fn cluster(&self, nth: usize) -> &Cluster {
        &self.points[self.indices(nth).0].cluster
    }

    /// One run. The seed decides tasks and node order; they are the same for every policy.
    pub fn run(&self, nth: usize) -> Record {
        let Ok(record) = self.run_by(nth, &mut ByScore);
        record
    }

    /// One run of a policy of the registry, with somebody else's decisions. The full engine leaves none to them.
    pub fn run_by<D: Decide>(&self, nth: usize, decide: &mut D) -> Result<Record, D::Stop> {
        let scene = self.scene(nth);
        if let Engine::Full(plan) = &self.points[self.indices(nth).0].engine {
            return Ok(engine::run(plan, scene.cluster, &scene.workload, self.policy(nth), scene.seed));
        }
        let context = Context { largest: scene.cluster.largest(), typical: &scene.typical };
        let chosen = self.policy(nth).choose(&context).expect("the policies were checked");
        scene.play((chosen.tie_break, chosen.node_order), chosen.policy.as_ref(), decide)
    }

    /// One run of a policy that is brought along: `policy` is it.
    pub fn run_brought<D: Decide>(&self, nth: usize, policy: &dyn Policy, decide: &mut D) -> Result<Record, D::Stop> {
        let orders = self.policy(nth).orders().expect("the policies were checked");
        self.scene(nth).play(orders, policy, decide)
    }

    fn scene(&self, nth: usize) -> Scene<'_> {
        let (at, _, nth_seed) = self.indices(nth);
        let (cluster, seed, point) = (self.cluster(nth), self.seed(nth), &self.points[at]);
        let original = point.recipe.original(cluster, seed);
        let typical = original.typical();
        let workload = point.recipe.finish(original, cluster, seed);
        let (supply, queue, lp_bound) = (point.supply, point.queue, point.lp_bounds.get(nth_seed));
        Scene { seed, cluster, typical, workload, supply, queue, lp_bound }
    }
}
