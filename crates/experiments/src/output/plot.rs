//! Figures as SVG, drawn for a column of 9 cm: 10 pixel letters are 9 points there. Colours are Okabe and Ito's, which
//! people who see colours differently can tell apart; dashes and marks tell lines apart without any.

use super::axis::Axis;
use std::fmt::Write;

const WIDTH: f64 = 360.0;
const PLOT_HEIGHT: f64 = 190.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 10.0;
const TOP: f64 = 8.0;
/// Numbers and title of the horizontal axis.
const BELOW: f64 = 38.0;
const LEGEND_ROW: f64 = 15.0;
/// Of a letter, on average.
const LETTER: f64 = 5.3;

const COLOURS: [&str; 8] = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F"];
const DASHES: [&str; 4] = ["", "6 3", "2 2", "8 3 2 3"];

/// One policy's line: horizontal, vertical, half width of the interval.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Line {
    pub label: String,
    pub points: Vec<(f64, f64, Option<f64>)>,
}

/// What is drawn at a line's points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Points {
    /// Many: intervals are a band.
    Band,
    /// Few: each has a mark and a bar.
    Marks,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Titles<'a> {
    pub x: &'a str,
    pub y: &'a str,
}

pub(super) fn lines(titles: Titles, lines: &[Line], points: Points) -> String {
    let all = || lines.iter().flat_map(|line| &line.points);
    let x = Axis::spanning(all().map(|(x, _, _)| *x), LEFT, WIDTH - RIGHT, 6);
    let ends = all().flat_map(|(_, y, half)| interval(*y, *half));
    let y = Axis::covering(ends, TOP + PLOT_HEIGHT, TOP, 5);
    let columns = legend_columns(lines);
    let rows = lines.len().div_ceil(columns);
    let mut svg = start(TOP + PLOT_HEIGHT + BELOW + rows as f64 * LEGEND_ROW, titles.y);
    frame(&mut svg, titles, &x, &y);
    for (nth, line) in lines.iter().enumerate() {
        let colour = COLOURS[nth % COLOURS.len()];
        if points == Points::Band {
            band(&mut svg, line, colour, &x, &y);
        }
        let path: Vec<String> =
            line.points.iter().map(|(at, value, _)| format!("{:.1},{:.1}", x.at(*at), y.at(*value))).collect();
        add(
            &mut svg,
            format_args!(
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{}"/>"#,
                path.join(" "),
                DASHES[nth % DASHES.len()]
            ),
        );
        if points == Points::Marks {
            line.points.iter().for_each(|(at, value, half)| {
                bar(&mut svg, (x.at(*at), &y), *value, *half, colour);
                mark(&mut svg, nth, x.at(*at), y.at(*value));
            });
        }
        legend(&mut svg, (nth, columns), &line.label, points);
    }
    svg.push_str("</svg>\n");
    svg
}

/// One value per policy, the policies below one another.
pub(super) fn dots(title: &str, values: &[(String, f64, Option<f64>)]) -> String {
    const ROW: f64 = 22.0;
    let left = (16.0 + letters(values.iter().map(|(label, _, _)| label))).clamp(LEFT, WIDTH / 2.0);
    let height = values.len() as f64 * ROW;
    let ends = values.iter().flat_map(|(_, value, half)| interval(*value, *half));
    let x = Axis::covering(ends, left, WIDTH - RIGHT - 6.0, 5);
    let mut svg = start(TOP + height + BELOW, title);
    for (at, text) in x.ticks() {
        add(
            &mut svg,
            format_args!(r##"<line x1="{at:.1}" y1="{TOP}" x2="{at:.1}" y2="{:.1}" stroke="#ddd"/>"##, TOP + height),
        );
        label(&mut svg, at, TOP + height + 13.0, "middle", &text);
    }
    for (nth, (name, value, half)) in values.iter().enumerate() {
        let y = TOP + (nth as f64 + 0.5) * ROW;
        label(&mut svg, left - 8.0, y + 3.5, "end", name);
        let colour = COLOURS[nth % COLOURS.len()];
        if half.is_some() {
            let [from, to] = interval(*value, *half).map(|end| x.at(end));
            add(
                &mut svg,
                format_args!(
                    r#"<path d="M{from:.1} {y:.1}H{to:.1}M{from:.1} {:.1}v6M{to:.1} {:.1}v6" stroke="{colour}" stroke-width="1.5"/>"#,
                    y - 3.0,
                    y - 3.0
                ),
            );
        }
        mark(&mut svg, nth, x.at(*value), y);
    }
    label(&mut svg, (left + WIDTH - RIGHT) / 2.0, TOP + height + 30.0, "middle", title);
    svg.push_str("</svg>\n");
    svg
}

/// An interval does not cross zero: what is drawn here is never negative, nor is what it is an estimate of.
fn interval(value: f64, half_width: Option<f64>) -> [f64; 2] {
    let half_width = half_width.unwrap_or(0.0);
    let low = if value >= 0.0 { (value - half_width).max(0.0) } else { value - half_width };
    [low, value + half_width]
}

fn start(height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" role=\"img\" \
         font-family=\"Helvetica, Arial, sans-serif\" font-size=\"10\">\n<title>{}</title>\n",
        escaped(title)
    )
}

fn frame(svg: &mut String, titles: Titles, x: &Axis, y: &Axis) {
    let (right, bottom) = (WIDTH - RIGHT, TOP + PLOT_HEIGHT);
    for (at, text) in y.ticks() {
        add(svg, format_args!(r##"<line x1="{LEFT}" y1="{at:.1}" x2="{right}" y2="{at:.1}" stroke="#ddd"/>"##));
        label(svg, LEFT - 5.0, at + 3.5, "end", &text);
    }
    for (at, text) in x.ticks() {
        add(
            svg,
            format_args!(r##"<line x1="{at:.1}" y1="{bottom}" x2="{at:.1}" y2="{:.1}" stroke="#333"/>"##, bottom + 4.0),
        );
        label(svg, at, bottom + 14.0, "middle", &text);
    }
    add(svg, format_args!(r##"<path d="M{LEFT} {TOP}V{bottom}H{right}" fill="none" stroke="#333"/>"##));
    label(svg, (LEFT + right) / 2.0, bottom + 30.0, "middle", titles.x);
    let middle = TOP + PLOT_HEIGHT / 2.0;
    add(
        svg,
        format_args!(
            r#"<text transform="translate(12 {middle:.1}) rotate(-90)" text-anchor="middle">{}</text>"#,
            escaped(titles.y)
        ),
    );
}

fn band(svg: &mut String, line: &Line, colour: &str, x: &Axis, y: &Axis) {
    let edge = |(at, value, half): &(f64, f64, Option<f64>), end: usize| {
        format!("{:.1},{:.1}", x.at(*at), y.at(interval(*value, *half)[end]))
    };
    let upper = line.points.iter().map(|point| edge(point, 1));
    let lower = line.points.iter().rev().map(|point| edge(point, 0));
    let outline: Vec<String> = upper.chain(lower).collect();
    add(svg, format_args!(r#"<polygon points="{}" fill="{colour}" fill-opacity="0.15"/>"#, outline.join(" ")));
}

fn bar(svg: &mut String, (at, y): (f64, &Axis), value: f64, half: Option<f64>, colour: &str) {
    if half.is_none() {
        return;
    }
    let [from, to] = interval(value, half).map(|end| y.at(end));
    add(svg, format_args!(r#"<path d="M{at:.1} {from:.1}V{to:.1}" stroke="{colour}"/>"#));
}

/// Circle, square, diamond or triangle.
fn mark(svg: &mut String, nth: usize, x: f64, y: f64) {
    let colour = COLOURS[nth % COLOURS.len()];
    let shape = match nth % 4 {
        0 => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="3""#),
        1 => format!(r#"<rect x="{:.1}" y="{:.1}" width="5.6" height="5.6""#, x - 2.8, y - 2.8),
        2 => format!(r#"<path d="M{x:.1} {:.1}l3.8 3.8l-3.8 3.8l-3.8 -3.8z""#, y - 3.8),
        _ => format!(r#"<path d="M{x:.1} {:.1}l3.6 6.4h-7.2z""#, y - 4.0),
    };
    add(svg, format_args!("{shape} fill=\"{colour}\"/>"));
}

fn letters<'a>(labels: impl Iterator<Item = &'a String>) -> f64 {
    labels.map(|label| label.chars().count()).max().unwrap_or(0) as f64 * LETTER
}

/// As many as the longest label leaves room for, up to three.
fn legend_columns(lines: &[Line]) -> usize {
    let column = 40.0 + letters(lines.iter().map(|line| &line.label));
    ((WIDTH / column) as usize).clamp(1, 3)
}

fn legend(svg: &mut String, (nth, columns): (usize, usize), text: &str, points: Points) {
    let column = (WIDTH - 20.0) / columns as f64;
    let x = 14.0 + (nth % columns) as f64 * column;
    let y = TOP + PLOT_HEIGHT + BELOW + (nth / columns) as f64 * LEGEND_ROW + 6.0;
    let (colour, dash) = (COLOURS[nth % COLOURS.len()], DASHES[nth % DASHES.len()]);
    add(
        svg,
        format_args!(r#"<path d="M{x:.1} {y:.1}h22" stroke="{colour}" stroke-width="1.5" stroke-dasharray="{dash}"/>"#),
    );
    if points == Points::Marks {
        mark(svg, nth, x + 11.0, y);
    }
    label(svg, x + 27.0, y + 3.5, "start", text);
}

fn label(svg: &mut String, x: f64, y: f64, anchor: &str, text: &str) {
    add(svg, format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{}</text>"#, escaped(text)));
}

fn add(svg: &mut String, element: std::fmt::Arguments) {
    writeln!(svg, "{element}").expect("memory takes every element");
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
