//! What many runs say together: means over seeds with intervals, and each policy against first-fit, seed by seed.

use crate::experiment::Prepared;
use crate::metric::{Better, Metric};
use crate::record::Record;
use crate::statistics::{CONFIDENCE, Paired, Summary};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Results {
    pub title: String,
    pub seeds: Vec<u64>,
    pub confidence: f64,
    /// The policy the others are compared with.
    pub reference: String,
    pub timed: bool,
    #[serde(skip)]
    pub metrics: Vec<Metric>,
    pub points: Vec<PointResults>,
    /// What could not be measured, and why.
    pub notes: Vec<String>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PointResults {
    /// Swept parameters and their values.
    pub parameters: Vec<(String, String)>,
    pub policies: Vec<PolicyResults>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PolicyResults {
    pub label: String,
    pub policy: String,
    pub options: Vec<(String, String)>,
    pub metrics: Vec<MetricResults>,
    #[serde(skip)]
    pub curves: Vec<Curve>,
}

#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct MetricResults {
    #[serde(skip)]
    pub metric: Metric,
    pub key: &'static str,
    pub title: &'static str,
    pub unit: &'static str,
    pub better: Better,
    /// One per seed.
    pub values: Vec<f64>,
    pub summary: Summary,
    /// Against the reference, which has none.
    pub versus_reference: Option<Paired>,
}

/// Means over seeds along a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Curve {
    pub metric: Metric,
    pub points: Vec<CurvePoint>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CurvePoint {
    pub x: f64,
    pub mean: f64,
    pub half_width_95: Option<f64>,
}

impl Results {
    /// `records` in the order of the runs.
    pub fn new(prepared: &Prepared, records: &[Record]) -> Self {
        assert_eq!(records.len(), prepared.runs(), "a record per run");
        let seeds = prepared.seeds.len();
        let of_point = records.chunks(seeds * prepared.policies());
        let points = prepared.points.iter().zip(of_point).map(|(point, records)| {
            let of_policy: Vec<&[Record]> = records.chunks(seeds).collect();
            let reference = of_policy[prepared.reference];
            let policies = point.policies.iter().zip(&of_policy).enumerate().map(|(nth, (spec, records))| {
                let against = (nth != prepared.reference).then_some(reference);
                PolicyResults {
                    label: spec.label.clone(),
                    policy: spec.name.clone(),
                    options: spec.options.iter().map(|(name, value)| (name.clone(), value.to_string())).collect(),
                    metrics: Metric::ALL.iter().filter_map(|metric| metric_of(*metric, records, against)).collect(),
                    curves: Metric::CURVES.iter().map(|metric| curve_of(*metric, records)).collect(),
                }
            });
            PointResults { parameters: point.assignment.clone(), policies: policies.collect() }
        });
        Results {
            title: prepared.title.clone(),
            seeds: prepared.seeds.clone(),
            confidence: CONFIDENCE,
            reference: prepared.points[0].policies[prepared.reference].label.clone(),
            timed: prepared.timed,
            points: points.collect(),
            metrics: prepared.metrics.clone(),
            notes: records
                .iter()
                .flat_map(|record| &record.notes)
                .cloned()
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        }
    }
}

impl PolicyResults {
    pub fn metric(&self, metric: Metric) -> Option<&MetricResults> {
        self.metrics.iter().find(|one| one.metric == metric)
    }

    pub fn curve(&self, metric: Metric) -> Option<&Curve> {
        self.curves.iter().find(|one| one.metric == metric)
    }
}

/// `None` where the metric means nothing for one of the seeds.
fn metric_of(metric: Metric, records: &[Record], reference: Option<&[Record]>) -> Option<MetricResults> {
    let at = Metric::ALL.iter().position(|one| *one == metric).expect("one of all metrics");
    let values = |records: &[Record]| records.iter().map(|record| record.values[at]).collect::<Option<Vec<f64>>>();
    let ours = values(records)?;
    let versus_reference = reference.and_then(values).map(|theirs| Paired::of(&ours, &theirs));
    Some(MetricResults {
        metric,
        key: metric.key(),
        title: metric.title(),
        unit: metric.unit(),
        better: metric.better(),
        summary: Summary::of(&ours),
        values: ours,
        versus_reference,
    })
}

/// Where every seed was looked at.
fn curve_of(metric: Metric, records: &[Record]) -> Curve {
    let at = Metric::CURVES.iter().position(|one| *one == metric).expect("a metric that is sampled");
    let points = records[0].samples.iter().filter_map(|first| {
        let same = records.iter().map(|record| {
            let found = record.samples.binary_search_by_key(&first.position, |sample| sample.position);
            found.ok().map(|nth| &record.samples[nth])
        });
        let same: Vec<_> = same.collect::<Option<_>>()?;
        let summary = Summary::of(&same.iter().map(|sample| sample.values[at]).collect::<Vec<f64>>());
        let x = same.iter().map(|sample| sample.x).sum::<f64>() / same.len() as f64;
        Some(CurvePoint { x, mean: summary.mean, half_width_95: summary.half_width_95 })
    });
    Curve { metric, points: points.collect() }
}
