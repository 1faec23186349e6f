//! What came out, as rows. Python makes tables of them.

use crate::tables::{Cell, Row};
use plimsoll_experiments::experiment::Prepared;
use plimsoll_experiments::{Better, Metric, MetricResults, Paired, PolicyResults, Record, Results as Outcome, output};
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use std::time::Duration;

#[pyclass(module = "plimsoll_sim._native", frozen)]
pub struct Results {
    pub prepared: Prepared,
    /// In the order of the runs.
    pub records: Vec<Record>,
    pub durations: Vec<Duration>,
    pub outcome: Outcome,
}

#[pymethods]
impl Results {
    #[getter]
    fn title(&self) -> &str {
        &self.outcome.title
    }

    /// The policy the others are compared with.
    #[getter]
    fn reference(&self) -> &str {
        &self.outcome.reference
    }

    #[getter]
    fn seeds(&self) -> Vec<u64> {
        self.outcome.seeds.clone()
    }

    /// Labels, in order.
    #[getter]
    fn policies(&self) -> Vec<&str> {
        self.outcome.points[0].policies.iter().map(|policy| policy.label.as_str()).collect()
    }

    /// Metrics of the report, the most important one first.
    #[getter]
    fn metrics(&self) -> Vec<&'static str> {
        self.outcome.metrics.iter().map(|metric| metric.key()).collect()
    }

    /// Name and text of every file of the results.
    fn files(&self, py: Python) -> Vec<(&'static str, String)> {
        py.detach(|| output::files(&self.outcome).into())
    }

    /// A row per run, a column per metric that means something in any run.
    fn rows(&self) -> Vec<Row> {
        let known = |nth: &usize| self.records.iter().any(|record| record.values[*nth].is_some());
        let metrics: Vec<usize> = (0..Metric::ALL.len()).filter(known).collect();
        let row = |(nth, record): (usize, &Record)| {
            let (point, _, _) = self.prepared.indices(nth);
            let mut row = self.parameters(point);
            row.push("policy", Cell::text(&self.prepared.policy(nth).label));
            row.push("seed", Cell::Count(self.prepared.seed(nth)));
            for metric in &metrics {
                row.push(Metric::ALL[*metric].key(), Cell::optional(record.values[*metric]));
            }
            row
        };
        self.records.iter().enumerate().map(row).collect()
    }

    /// A row per policy and metric that means something for every seed.
    fn summary(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for (point, policy, metric) in self.each_metric() {
            let mut row = self.parameters(point);
            row.push("policy", Cell::text(&policy.label));
            about(metric, &mut row);
            row.push("seeds", Cell::Count(metric.summary.count as u64));
            row.push("mean", Cell::Number(metric.summary.mean));
            row.push("standard_deviation", Cell::optional(metric.summary.standard_deviation));
            row.push("half_width_95", Cell::optional(metric.summary.half_width_95));
            let paired = metric.versus_reference.as_ref();
            let columns = ["difference_to_reference", "difference_half_width_95", "p_value"];
            for (column, value) in columns.into_iter().zip(paired_cells(paired)) {
                row.push(column, value);
            }
            row.push("significant", paired.map_or(Cell::None, |paired| Cell::Flag(paired.is_significant())));
            rows.push(row);
        }
        rows
    }

    /// A row per metric that means something for both: the differences seed by seed, tested.
    fn compare(&self, policy: &str, other: &str) -> PyResult<Vec<Row>> {
        let at = |label: &str| {
            let known = self.policies();
            let found = known.iter().position(|known| *known == label);
            found.ok_or_else(|| {
                PyKeyError::new_err(format!("no policy {label:?} here, expected one of {}", known.join(", ")))
            })
        };
        let (ours, theirs) = (at(policy)?, at(other)?);
        let mut rows = Vec::new();
        for (nth, point) in self.outcome.points.iter().enumerate() {
            for metric in &point.policies[ours].metrics {
                let Some(other) = point.policies[theirs].metric(metric.metric) else { continue };
                let paired = Paired::of(&metric.values, &other.values);
                let mut row = self.parameters(nth);
                about(metric, &mut row);
                row.push("seeds", Cell::Count(metric.summary.count as u64));
                row.push("mean", Cell::Number(metric.summary.mean));
                row.push("other_mean", Cell::Number(other.summary.mean));
                for (column, value) in
                    ["difference", "half_width_95", "p_value"].into_iter().zip(paired_cells(Some(&paired)))
                {
                    row.push(column, value);
                }
                row.push("significant", Cell::Flag(paired.is_significant()));
                row.push("verdict", Cell::text(verdict(metric, &paired)));
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// A row per policy, sampled metric and sample: means along the run.
    fn curves(&self) -> Vec<Row> {
        let x = if self.outcome.timed { "hours" } else { "asked_percent" };
        let mut rows = Vec::new();
        for (nth, point) in self.outcome.points.iter().enumerate() {
            for policy in &point.policies {
                for curve in &policy.curves {
                    for sample in &curve.points {
                        let mut row = self.parameters(nth);
                        row.push("policy", Cell::text(&policy.label));
                        row.push("metric", Cell::text(curve.metric.key()));
                        row.push(x, Cell::Number(sample.x));
                        row.push("mean", Cell::Number(sample.mean));
                        row.push("half_width_95", Cell::optional(sample.half_width_95));
                        rows.push(row);
                    }
                }
            }
        }
        rows
    }

    /// A row per policy, over all its runs.
    fn timing(&self) -> Vec<Row> {
        let labels = self.policies().into_iter().enumerate();
        let rows = labels.map(|(at, label)| {
            let mine: Vec<usize> = (0..self.records.len()).filter(|nth| self.prepared.indices(*nth).1 == at).collect();
            let placements: u64 = mine.iter().map(|nth| self.records[*nth].placements).sum();
            let seconds: f64 = mine.iter().map(|nth| self.durations[*nth].as_secs_f64()).sum();
            let mut row = Row::default();
            row.push("policy", Cell::text(label));
            row.push("runs", Cell::Count(mine.len() as u64));
            row.push("seconds", Cell::Number(seconds));
            row.push("placements", Cell::Count(placements));
            row.push("placements_per_second", Cell::Number(placements as f64 / seconds.max(f64::MIN_POSITIVE)));
            row
        });
        rows.collect()
    }
}

impl Results {
    /// The swept parameters of a point.
    fn parameters(&self, point: usize) -> Row {
        let mut row = Row::default();
        for (name, value) in &self.outcome.points[point].parameters {
            row.push(name, Cell::swept(value));
        }
        row
    }

    fn each_metric(&self) -> impl Iterator<Item = (usize, &PolicyResults, &MetricResults)> {
        let policies = self.outcome.points.iter().enumerate();
        let policies = policies.flat_map(|(nth, point)| point.policies.iter().map(move |policy| (nth, policy)));
        policies.flat_map(|(nth, policy)| policy.metrics.iter().map(move |metric| (nth, policy, metric)))
    }
}

fn about(metric: &MetricResults, row: &mut Row) {
    row.push("metric", Cell::text(metric.key));
    row.push("unit", Cell::text(metric.unit));
}

fn paired_cells(paired: Option<&Paired>) -> [Cell; 3] {
    [
        Cell::optional(paired.map(|paired| paired.difference.mean)),
        Cell::optional(paired.and_then(|paired| paired.difference.half_width_95)),
        Cell::optional(paired.and_then(|paired| paired.p_value)),
    ]
}

fn verdict(metric: &MetricResults, paired: &Paired) -> &'static str {
    let is_good = match metric.better {
        Better::Higher => paired.difference.mean > 0.0,
        Better::Lower => paired.difference.mean < 0.0,
    };
    match (paired.is_significant(), is_good) {
        (false, _) => "no difference shown",
        (true, true) => "better",
        (true, false) => "worse",
    }
}
