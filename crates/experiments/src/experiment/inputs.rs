//! Clusters and workloads from the keys and the files an experiment names.

use super::error::{ExperimentError, Place};
use super::file::{AzurePackingKeys, ClusterKeys, Experiment, GoogleKeys, Identical, OrderKey, WorkloadKeys};
use super::{Files, table_name};
use crate::cluster::Cluster;
use crate::generate::Generated;
use crate::read::{self, AzureFlavors, AzurePacking, Machine, Source};
use crate::workload::Workload;
use plimsoll_placement::policy::{DEVICES_MAX, NodeShape};
use toml::Spanned;

/// Nodes of one experiment.
const NODES_MAX: u32 = 1_000_000;

/// Tasks that are the same for every seed, or how to make them.
#[derive(Clone, Debug)]
pub(super) enum Tasks {
    Traced(Workload),
    Generated(Box<Generated>),
}

/// A workload before its order is made.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub tasks: Tasks,
    pub order: OrderKey,
    pub inflate_percent: Option<u32>,
    pub tasks_max: Option<u32>,
}

fn source<'a>(files: &'a Files, name: &'a Spanned<String>, place: Place) -> Result<Source<'a>, ExperimentError> {
    let text = files.get(name.get_ref());
    let missing = || place.at(Some(name.span()), format!("{:?} was not read", name.get_ref()));
    Ok(Source { name: name.get_ref(), text: text.ok_or_else(missing)? })
}

pub(super) fn cluster(experiment: &Experiment, files: &Files, place: Place) -> Result<Cluster, ExperimentError> {
    let keys = experiment.cluster.get_ref();
    match keys {
        ClusterKeys { openb: Some(name), csv: None, identical: None, .. } => {
            Ok(read::openb_nodes(source(files, name, place)?)?)
        }
        ClusterKeys { openb: None, csv: Some(name), identical: None, .. } => {
            Ok(read::own_cluster(source(files, name, place)?)?)
        }
        ClusterKeys { openb: None, csv: None, identical: Some(keys), .. } => identical(keys, place),
        _ => Err(place.at(Some(experiment.cluster.span()), "expected exactly one of openb, csv, identical")),
    }
}

fn identical(keys: &Identical, place: Place) -> Result<Cluster, ExperimentError> {
    let nodes = *keys.nodes.get_ref();
    if nodes == 0 || nodes > NODES_MAX {
        let problem = format!("expected 1 to {NODES_MAX} nodes, found {nodes}");
        return Err(place.at(Some(keys.nodes.span()), problem));
    }
    let gpus = keys.gpus.as_ref().map_or(0, |gpus| *gpus.get_ref());
    if usize::from(gpus) > DEVICES_MAX {
        let span = keys.gpus.as_ref().map(Spanned::span);
        return Err(place.at(span, format!("expected at most {DEVICES_MAX} GPUs on a node, found {gpus}")));
    }
    let shape = NodeShape {
        cpu_milli: keys.cpu_milli,
        memory_mib: keys.memory_mib,
        gpus,
        model: (gpus > 0 && keys.gpu_model.is_some()).then_some(0),
        tasks_max: keys.tasks_max.unwrap_or(u32::MAX),
    };
    Ok(Cluster::identical(nodes as usize, shape, keys.gpu_model.clone()))
}

pub(super) fn recipe(
    experiment: &Experiment,
    cluster: &Cluster,
    files: &Files,
    place: Place,
) -> Result<Recipe, ExperimentError> {
    let keys = experiment.workload.get_ref();
    let named = [
        keys.openb.is_some(),
        keys.csv.is_some(),
        keys.azure.is_some(),
        keys.alibaba.is_some(),
        keys.google.is_some(),
        keys.google_2019.is_some(),
        keys.azure_packing.is_some(),
        keys.generated.is_some(),
    ];
    if named.into_iter().filter(|named| *named).count() != 1 {
        let problem =
            "expected exactly one of openb, csv, azure, azure_packing, alibaba, google, google_2019, generated";
        return Err(place.at(Some(experiment.workload.span()), problem));
    }
    let tasks = match &keys.generated {
        None => Tasks::Traced(traced(keys, cluster, files, place)?),
        Some(generated) => {
            let wrong = |(key, problem)| place.at(Some(generated.span()), format!("{key}: {problem}"));
            generated.get_ref().check().map_err(wrong)?;
            Tasks::Generated(Box::new(generated.get_ref().clone()))
        }
    };
    let timed = match &tasks {
        Tasks::Traced(workload) => workload.end_s.is_some(),
        Tasks::Generated(generated) => generated.is_timed(),
    };
    if let Some(percent) = &keys.inflate_percent
        && (timed || cluster.total().gpu_milli == 0)
    {
        let problem = "only tasks without times can be inflated, to a percentage of a cluster's GPUs";
        return Err(place.at(Some(percent.span()), problem));
    }
    if timed && keys.order == OrderKey::Shuffled {
        let problem = "the tasks have times: expected order = \"given\", found \"shuffled\"";
        return Err(place.at(Some(experiment.workload.span()), problem));
    }
    Ok(Recipe {
        tasks,
        order: keys.order,
        inflate_percent: keys.inflate_percent.as_ref().map(|percent| *percent.get_ref()),
        tasks_max: keys.tasks_max,
    })
}

/// The trace that is named, if one is.
fn traced(keys: &WorkloadKeys, cluster: &Cluster, files: &Files, place: Place) -> Result<Workload, ExperimentError> {
    if let Some(name) = &keys.openb {
        return Ok(read::openb_pods(source(files, name, place)?, cluster)?);
    }
    if let Some(name) = &keys.csv {
        return Ok(read::own_workload(source(files, name, place)?, cluster)?);
    }
    if let Some(keys) = &keys.azure {
        let files = AzureFlavors {
            arrivals: source(files, &keys.arrivals, place)?,
            lifetimes: source(files, &keys.lifetimes, place)?,
            flavors: source(files, &keys.flavors, place)?,
            bins: source(files, &keys.bins, place)?,
        };
        return Ok(read::azure_flavors(&files, keys.end_s.into())?);
    }
    if let Some(keys) = &keys.alibaba {
        return Ok(read::alibaba_batch(source(files, &keys.tasks, place)?, keys.machine_memory_mib)?);
    }
    if let Some(keys) = &keys.azure_packing {
        return packing(keys, files, place);
    }
    let machine =
        |keys: &GoogleKeys| Machine { cpu_milli: keys.machine_cpu_milli, memory_mib: keys.machine_memory_mib };
    if let Some(keys) = &keys.google_2019 {
        return Ok(read::google_2019_events(source(files, &keys.events, place)?, machine(keys))?);
    }
    let keys = keys.google.as_ref().expect("exactly one source was named");
    Ok(read::google_events(source(files, &keys.events, place)?, machine(keys))?)
}

fn packing(keys: &AzurePackingKeys, files: &Files, place: Place) -> Result<Workload, ExperimentError> {
    let database = keys.database.get_ref();
    let [vms, types] = read::PACKING_TABLES.map(|(table, _)| files.get(&table_name(database, table)));
    let missing = || place.at(Some(keys.database.span()), format!("{database:?} was not read"));
    Ok(read::azure_packing(&AzurePacking {
        database,
        vms: vms.ok_or_else(missing)?,
        types: types.ok_or_else(missing)?,
        machine_id: keys.machine.into(),
        machine: Machine { cpu_milli: keys.machine_cpu_milli, memory_mib: keys.machine_memory_mib },
        end_s: keys.end_s.map(u64::from),
    })?)
}

impl Recipe {
    /// The tasks a seed begins with: typical tasks are counted among these.
    pub fn original(&self, cluster: &Cluster, seed: u64) -> Workload {
        match &self.tasks {
            Tasks::Traced(workload) => workload.clone(),
            Tasks::Generated(generated) => generated.workload(cluster, seed),
        }
    }

    /// The tasks of a seed, from its original ones.
    pub fn finish(&self, mut tasks: Workload, cluster: &Cluster, seed: u64) -> Workload {
        if self.order == OrderKey::Shuffled {
            tasks = tasks.shuffled(seed);
        }
        if let Some(percent) = self.inflate_percent {
            tasks = tasks.inflated(percent.into(), cluster.total().gpu_milli, seed);
        }
        tasks.arrivals.truncate(self.tasks_max.map_or(usize::MAX, |most| most as usize));
        tasks
    }
}
