//! One page with everything a person wants to see of an experiment; it needs nothing beside it.

use super::axis::with_thousands;
use super::plot::{Line, Points, Titles, dots, escaped, lines};
use crate::metric::{Better, Metric};
use crate::results::{MetricResults, PointResults, PolicyResults, Results};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.45 Helvetica,Arial,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2.2rem}table{border-collapse:collapse;font-size:.87rem}\
td,th{padding:.25rem .6rem;border-bottom:1px solid #ddd;text-align:right;font-variant-numeric:tabular-nums}td{white-space:nowrap}\
td:first-child,th:first-child{text-align:left}thead th{border-bottom:2px solid #666;vertical-align:bottom}\
.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(22rem,1fr));gap:1.2rem}figure{margin:0}\
figcaption{font-size:.8rem;color:#444}.note{font-size:.85rem;color:#444}.scroll{overflow-x:auto}.diff{color:#555}";

pub fn html(results: &Results) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{0}</title>\n<style>{STYLE}</style>\
         </head><body>\n<h1>{0}</h1>\n",
        escaped(&results.title)
    );
    let seeds = results.seeds.len();
    let (first, last) = (results.seeds[0], results.seeds[seeds - 1]);
    let reference = escaped(&results.reference);
    add(
        &mut page,
        format_args!(
            "<p>{seeds} seeds ({first} to {last}); in each of them every policy meets the same tasks and the same nodes. \
         Means with 95 % confidence intervals (Student's t, {} degrees of freedom); in grey the difference to \
         {reference}, seed by seed, * where the paired t test gives p &lt; 0.05.</p>",
            seeds - 1
        ),
    );
    for note in &results.notes {
        add(&mut page, format_args!("<p class=\"note\">{}</p>", escaped(note)));
    }
    if results.points.len() > 1 {
        sweeps(&mut page, results);
    }
    for point in &results.points {
        if !point.parameters.is_empty() {
            add(&mut page, format_args!("<h2>{}</h2>", escaped(&described(point))));
        }
        table(&mut page, results, point);
        figures(&mut page, results, point);
    }
    definitions(&mut page, results);
    page.push_str("</body></html>\n");
    page
}

fn described(point: &PointResults) -> String {
    point.parameters.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

fn axis_title(title: &str, unit: &str) -> String {
    format!("{title} ({unit})")
}

fn table(page: &mut String, results: &Results, point: &PointResults) {
    page.push_str("<div class=\"scroll\"><table><thead><tr><th>policy</th>");
    for metric in &results.metrics {
        let arrow = if metric.better() == Better::Higher { "↑" } else { "↓" };
        add(page, format_args!("<th>{}\u{a0}{arrow}<br>{}</th>", metric.title(), metric.unit()));
    }
    page.push_str("</tr></thead><tbody>\n");
    for policy in &point.policies {
        add(page, format_args!("<tr><td>{}</td>", escaped(&policy.label)));
        for metric in &results.metrics {
            let cell = policy.metric(*metric).map_or_else(|| "–".to_owned(), cell);
            add(page, format_args!("<td>{cell}</td>"));
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</tbody></table></div>\n");
}

fn cell(metric: &MetricResults) -> String {
    let summary = &metric.summary;
    let decimals = decimals(summary.mean);
    let mut text = with_thousands(summary.mean, decimals);
    if let Some(half_width) = summary.half_width_95 {
        let _infallible = write!(text, " ± {}", with_thousands(half_width, decimals));
    }
    if let Some(paired) = &metric.versus_reference {
        let difference = paired.difference.mean;
        let sign = if difference > 0.0 { "+" } else { "" };
        let star = if paired.is_significant() { " *" } else { "" };
        let difference = with_thousands(difference, decimals);
        let _infallible = write!(text, "<br><span class=\"diff\">{sign}{difference}{star}</span>");
    }
    text
}

/// Four significant digits, at most two of them after the point.
fn decimals(value: f64) -> usize {
    match value.abs() {
        size if size < 100.0 => 2,
        size if size < 1000.0 => 1,
        _ => 0,
    }
}

fn figures(page: &mut String, results: &Results, point: &PointResults) {
    page.push_str("<div class=\"figures\">\n");
    if let Some(metric) = results.metrics.first() {
        let of = |policy: &PolicyResults| {
            let metric = policy.metric(*metric)?;
            Some((policy.label.clone(), metric.summary.mean, metric.summary.half_width_95))
        };
        let values: Vec<_> = point.policies.iter().filter_map(of).collect();
        if !values.is_empty() {
            let svg = dots(&axis_title(metric.title(), metric.unit()), &values);
            figure(page, &svg, &format!("{} per policy, with 95 % confidence intervals.", metric.title()));
        }
    }
    let x = if results.timed { "Time (h)" } else { "Demand arrived (% of capacity)" };
    for metric in Metric::CURVES.iter().filter(|metric| results.metrics.contains(metric)) {
        let line = |policy: &PolicyResults| Line {
            label: policy.label.clone(),
            points: policy
                .curve(*metric)
                .into_iter()
                .flat_map(|curve| &curve.points)
                .map(|point| (point.x, point.mean, point.half_width_95))
                .collect(),
        };
        let drawn: Vec<Line> = point.policies.iter().map(line).collect();
        let svg = lines(Titles { x, y: &axis_title(metric.curve_title(), metric.unit()) }, &drawn, Points::Band);
        figure(page, &svg, &format!("{} along the run; bands are 95 % confidence intervals.", metric.curve_title()));
    }
    page.push_str("</div>\n");
}

fn figure(page: &mut String, svg: &str, caption: &str) {
    add(page, format_args!("<figure>{svg}<figcaption>{}</figcaption></figure>", escaped(caption)));
}

/// For a parameter with numbers: the metrics over it. Other parameters stay at their first value.
fn sweeps(page: &mut String, results: &Results) {
    let first = &results.points[0];
    add(page, format_args!("<h2>Over the swept parameters</h2>\n<div class=\"figures\">"));
    for (nth, (parameter, _)) in first.parameters.iter().enumerate() {
        let along = |point: &&PointResults| {
            point
                .parameters
                .iter()
                .zip(&first.parameters)
                .enumerate()
                .all(|(at, (ours, firsts))| at == nth || ours == firsts)
        };
        let points: Vec<(f64, &PointResults)> = results
            .points
            .iter()
            .filter(along)
            .filter_map(|point| point.parameters[nth].1.parse().ok().map(|value| (value, point)))
            .collect();
        if points.len() < 2 {
            continue;
        }
        for metric in &results.metrics {
            let line = |at: usize| Line {
                label: first.policies[at].label.clone(),
                points: points
                    .iter()
                    .filter_map(|(value, point)| {
                        let summary = &point.policies[at].metric(*metric)?.summary;
                        Some((*value, summary.mean, summary.half_width_95))
                    })
                    .collect(),
            };
            let drawn: Vec<Line> = (0..first.policies.len()).map(line).filter(|line| !line.points.is_empty()).collect();
            if drawn.is_empty() {
                continue;
            }
            let svg =
                lines(Titles { x: parameter, y: &axis_title(metric.title(), metric.unit()) }, &drawn, Points::Marks);
            figure(page, &svg, &format!("{} over {parameter}; bars are 95 % confidence intervals.", metric.title()));
        }
    }
    page.push_str("</div>\n");
}

fn definitions(page: &mut String, results: &Results) {
    page.push_str("<h2>What the columns mean</h2>\n<dl class=\"note\">\n");
    for metric in &results.metrics {
        add(page, format_args!("<dt><b>{}</b></dt><dd>{}</dd>", metric.title(), escaped(&metric.about())));
    }
    page.push_str("</dl>\n<h2>Policies</h2>\n<ul class=\"note\">\n");
    for policy in results.points.first().into_iter().flat_map(|point| &point.policies) {
        let options: Vec<String> = policy.options.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        let options = if options.is_empty() { "default options".to_owned() } else { options.join(", ") };
        let described = format!("{}: {} with {options}", policy.label, policy.policy);
        add(page, format_args!("<li>{}</li>", escaped(&described)));
    }
    page.push_str("</ul>\n");
}

fn add(page: &mut String, part: std::fmt::Arguments) {
    writeln!(page, "{part}").expect("memory takes every part");
}
