//! The keys of an experiment's file.

use super::error::{ExperimentError, Place};
use crate::full::Plan;
use crate::generate::Generated;
use crate::metric::Metric;
use plimsoll_placement::policy::OptionValue;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::Spanned;

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    pub title: String,
    pub seeds: Seeds,
    pub engine: Option<Spanned<EngineKey>>,
    /// What happens around the tasks; only with the full engine.
    pub full: Option<Spanned<Plan>>,
    pub cluster: Spanned<ClusterKeys>,
    pub workload: Spanned<WorkloadKeys>,
    #[serde(rename = "policy", default)]
    pub policies: Vec<PolicyKeys>,
    #[serde(rename = "sweep", default)]
    pub sweeps: Vec<SweepKeys>,
    /// Metrics of the report, the most important one first; without, those that fit the workload.
    pub metrics: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    pub output: Output,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EngineKey {
    Placement,
    Full,
}

/// `count` seeds from `first`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seeds {
    pub first: u32,
    pub count: Spanned<u32>,
}

impl Seeds {
    pub(super) fn list(&self) -> Vec<u64> {
        (0..*self.count.get_ref()).map(|nth| u64::from(self.first) + u64::from(nth)).collect()
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClusterKeys {
    #[serde(default)]
    pub supply: SupplyKey,
    pub queue: Option<Spanned<QueueKey>>,
    pub openb: Option<Spanned<String>>,
    pub csv: Option<Spanned<String>>,
    pub identical: Option<Identical>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SupplyKey {
    #[default]
    Fixed,
    Elastic,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueueKey {
    None,
    Fifo,
    Backfill,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identical {
    pub nodes: Spanned<u32>,
    pub cpu_milli: u32,
    pub memory_mib: u32,
    #[serde(default)]
    pub gpus: Option<Spanned<u8>>,
    pub gpu_model: Option<String>,
    pub tasks_max: Option<u32>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadKeys {
    pub openb: Option<Spanned<String>>,
    pub csv: Option<Spanned<String>>,
    pub azure: Option<AzureKeys>,
    pub alibaba: Option<AlibabaKeys>,
    pub google: Option<GoogleKeys>,
    pub google_2019: Option<GoogleKeys>,
    pub azure_packing: Option<AzurePackingKeys>,
    pub generated: Option<Spanned<Generated>>,
    #[serde(default)]
    pub order: OrderKey,
    /// Percent of the cluster's GPUs the tasks shall ask for.
    pub inflate_percent: Option<Spanned<u32>>,
    /// Only so many tasks, after the order was made.
    pub tasks_max: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OrderKey {
    #[default]
    Given,
    Shuffled,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzureKeys {
    pub arrivals: Spanned<String>,
    pub lifetimes: Spanned<String>,
    pub flavors: Spanned<String>,
    pub bins: Spanned<String>,
    pub end_s: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AzurePackingKeys {
    pub database: Spanned<String>,
    /// The trace's number of the machine whose sizes are taken.
    pub machine: u32,
    /// What a share of 1 is.
    pub machine_cpu_milli: u32,
    pub machine_memory_mib: u32,
    pub end_s: Option<u32>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlibabaKeys {
    pub tasks: Spanned<String>,
    /// What 100 % of memory are.
    pub machine_memory_mib: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoogleKeys {
    pub events: Spanned<String>,
    /// What a request of 1 is.
    pub machine_cpu_milli: u32,
    pub machine_memory_mib: u32,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyKeys {
    pub name: Spanned<String>,
    pub label: Option<String>,
    #[serde(default)]
    pub options: BTreeMap<String, Spanned<OptionKey>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a whole number, a text or a list of texts")]
pub enum OptionKey {
    Integer(i64),
    Text(String),
    Texts(Vec<String>),
}

impl OptionKey {
    pub fn value(&self) -> OptionValue {
        match self {
            OptionKey::Integer(number) => OptionValue::Integer(*number),
            OptionKey::Text(text) => OptionValue::Text(text.clone()),
            OptionKey::Texts(texts) => OptionValue::Texts(texts.clone()),
        }
    }
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepKeys {
    /// Keys joined by dots; an element of a list by its number from 0.
    pub parameter: Spanned<String>,
    pub values: Spanned<Vec<toml::Value>>,
}

#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Beside the experiment's file.
    pub folder: String,
}

impl Default for Output {
    fn default() -> Self {
        Output { folder: "results".to_owned() }
    }
}

impl Experiment {
    /// `file` is the name errors give it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ExperimentError> {
        toml::from_str(text).map_err(|error| Place { file, text }.toml(&error))
    }

    /// The files it names, with where.
    pub(super) fn names(&self) -> Vec<&Spanned<String>> {
        let (cluster, workload) = (self.cluster.get_ref(), self.workload.get_ref());
        let mut names: Vec<&Spanned<String>> = cluster.openb.iter().chain(&cluster.csv).collect();
        names.extend(workload.openb.iter().chain(&workload.csv));
        if let Some(azure) = &workload.azure {
            names.extend([&azure.arrivals, &azure.lifetimes, &azure.flavors, &azure.bins]);
        }
        names.extend(workload.alibaba.iter().map(|keys| &keys.tasks));
        names.extend(workload.google.iter().chain(&workload.google_2019).map(|keys| &keys.events));
        names
    }

    /// The databases it names.
    pub fn databases(&self) -> impl Iterator<Item = &str> {
        self.workload.get_ref().azure_packing.iter().map(|keys| keys.database.get_ref().as_str())
    }

    pub(super) fn metrics(&self, place: Place) -> Result<Option<Vec<Metric>>, ExperimentError> {
        let Some(keys) = &self.metrics else { return Ok(None) };
        let known = || Metric::ALL.iter().map(|metric| metric.key()).collect::<Vec<_>>().join(", ");
        let metric = |key: &Spanned<String>| {
            Metric::named(key.get_ref()).ok_or_else(|| {
                let problem = format!("unknown metric {:?}, expected one of {}", key.get_ref(), known());
                place.at(Some(key.span()), problem)
            })
        };
        keys.iter().map(metric).collect::<Result<_, _>>().map(Some)
    }
}
