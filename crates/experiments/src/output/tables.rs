//! CSV for tables, JSON for programs.

use crate::results::Results;

/// Digits after the point: more would show the last bits of floating point sums.
const DECIMALS: usize = 6;

/// Rows as CSV, quoted where needed.
pub fn csv_of<R, F>(rows: impl IntoIterator<Item = R>) -> String
where
    R: IntoIterator<Item = F>,
    F: AsRef<[u8]>,
{
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        writer.write_record(row).expect("memory takes every row");
    }
    let bytes = writer.into_inner().expect("memory takes every row");
    String::from_utf8(bytes).expect("rows are text")
}

/// What would be only zeros keeps four digits of its own: p-values are often that small.
fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-3 { format!("{value:.3e}") } else { format!("{value:.DECIMALS$}") }
}

fn optional(value: Option<f64>) -> String {
    value.map_or_else(String::new, number)
}

/// One row per run and metric.
pub fn runs_csv(results: &Results) -> String {
    let mut rows = vec![row(results, &["policy", "seed", "metric", "value", "unit"])];
    for point in &results.points {
        for policy in &point.policies {
            for metric in &policy.metrics {
                for (seed, value) in results.seeds.iter().zip(&metric.values) {
                    let mut row: Vec<String> = point.parameters.iter().map(|(_, value)| value.clone()).collect();
                    let key = metric.key.to_owned();
                    row.extend([policy.label.clone(), seed.to_string(), key, number(*value), metric.unit.to_owned()]);
                    rows.push(row);
                }
            }
        }
    }
    csv_of(rows)
}

/// One row per policy and metric.
pub fn summary_csv(results: &Results) -> String {
    let columns = ["policy", "metric", "unit", "seeds", "mean", "standard_deviation", "half_width_95"];
    let versus = ["difference_to_reference", "difference_half_width_95", "p_value"];
    let mut rows = vec![row(results, &[&columns[..], &versus].concat())];
    for point in &results.points {
        for policy in &point.policies {
            for metric in &policy.metrics {
                let mut row: Vec<String> = point.parameters.iter().map(|(_, value)| value.clone()).collect();
                let (summary, paired) = (&metric.summary, metric.versus_reference.as_ref());
                row.extend([policy.label.clone(), metric.key.to_owned(), metric.unit.to_owned()]);
                row.extend([summary.count.to_string(), number(summary.mean)]);
                row.extend([optional(summary.standard_deviation), optional(summary.half_width_95)]);
                row.push(optional(paired.map(|paired| paired.difference.mean)));
                row.push(optional(paired.and_then(|paired| paired.difference.half_width_95)));
                row.push(optional(paired.and_then(|paired| paired.p_value)));
                rows.push(row);
            }
        }
    }
    csv_of(rows)
}

/// One row per policy, sampled metric and sample.
pub fn curves_csv(results: &Results) -> String {
    let x = if results.timed { "hours" } else { "asked_percent" };
    let mut rows = vec![row(results, &["policy", "metric", x, "mean", "half_width_95"])];
    for point in &results.points {
        for policy in &point.policies {
            // Where a metric means nothing its samples are only zeros.
            for curve in policy.curves.iter().filter(|curve| policy.metric(curve.metric).is_some()) {
                for sample in &curve.points {
                    let mut row: Vec<String> = point.parameters.iter().map(|(_, value)| value.clone()).collect();
                    row.extend([policy.label.clone(), curve.metric.key().to_owned(), number(sample.x)]);
                    row.extend([number(sample.mean), optional(sample.half_width_95)]);
                    rows.push(row);
                }
            }
        }
    }
    csv_of(rows)
}

/// The header: swept parameters first.
fn row(results: &Results, columns: &[&str]) -> Vec<String> {
    let parameters = results.points.first().map(|point| point.parameters.as_slice()).unwrap_or_default();
    let parameters = parameters.iter().map(|(name, _)| name.clone());
    parameters.chain(columns.iter().map(|column| (*column).to_owned())).collect()
}

/// Everything but the curves.
pub fn summary_json(results: &Results) -> String {
    let mut value = serde_json::to_value(results).expect("results have only text keys");
    round(&mut value);
    let mut text = serde_json::to_string_pretty(&value).expect("results have only text keys");
    text.push('\n');
    text
}

fn round(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Number(number) if number.is_f64() => {
            let rounded = number.as_f64().and_then(|value| self::number(value).parse::<f64>().ok());
            *value = rounded.into();
        }
        serde_json::Value::Array(values) => values.iter_mut().for_each(round),
        serde_json::Value::Object(values) => values.values_mut().for_each(round),
        _ => {}
    }
}
