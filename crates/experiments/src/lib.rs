//! Placement experiments: traces, the placement-only engine, metrics, bounds, statistics and reports.
//!
//! Everything here is computed from texts and seeds. Files, threads and clocks belong to whoever calls; runs are
//! numbered, independent of one another, and give the same result in any order.

pub mod bounds;
mod chance;
mod cluster;
mod counted;
mod decide;
pub mod engine;
pub mod experiment;
pub mod full;
pub mod generate;
mod metric;
pub mod output;
mod queue;
pub mod read;
mod record;
pub mod replay;
pub mod reproduce;
mod results;
mod spec;
mod statistics;
mod workload;

pub use chance::{Purpose, stream};
pub use cluster::{Amounts, Cluster, DIMENSIONS, NamedNode};
pub use decide::{ByScore, Decide, Wanted};
pub use metric::{Better, Metric};
pub use queue::Queue;
pub use record::{Record, Sample};
pub use results::{Curve, CurvePoint, MetricResults, PointResults, PolicyResults, Results};
pub use spec::{Origin, PolicySpec};
pub use statistics::{CONFIDENCE, Paired, Summary};
pub use workload::{Arrival, Shape, TYPICAL_PERCENT, Workload, timeless};
