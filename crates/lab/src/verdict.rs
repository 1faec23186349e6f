//! Expected beside obtained, for people and as CSV.

use comfy_table::{CellAlignment, Table};
use plimsoll_experiments::output::csv_of;
use plimsoll_experiments::reproduce::{Cell, Verdict};

pub fn print(verdict: &Verdict) {
    println!("{}\nexpected: {}\n", verdict.title, verdict.source);
    let mut table = Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table.set_header(["", "", "expected", "obtained", "95 %", "difference", "allowed", ""]);
    for at in 2..7 {
        if let Some(column) = table.column_mut(at) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut row_before = "";
    for cell in &verdict.cells {
        let [expected, obtained, half_width, difference, tolerance] = numbers(cell);
        let row = if cell.row == row_before { "" } else { &cell.row };
        let half_width = if half_width.is_empty() { half_width } else { format!("± {half_width}") };
        table.add_row([row, &cell.column, &expected, &obtained, &half_width, &difference, &tolerance, outcome(cell)]);
        row_before = &cell.row;
    }
    println!("{table}\n");
    for claim in &verdict.claims {
        println!("{}: {}", claim.text, if claim.holds { "holds" } else { "DOES NOT HOLD" });
    }
    let compared = verdict.cells.iter().filter(|cell| cell.expected.is_some());
    let (passed, all) = (compared.clone().filter(|cell| cell.passes()).count(), compared.count());
    println!("{}: {passed} of {all} numbers within tolerance", if verdict.passes() { "PASS" } else { "FAIL" });
}

pub fn csv(verdict: &Verdict) -> String {
    let columns = ["row", "column", "expected", "obtained", "half_width_95", "difference", "tolerance", "outcome"];
    let rows = verdict.cells.iter().map(|cell| {
        let mut row = vec![cell.row.clone(), cell.column.clone()];
        row.extend(numbers(cell));
        row.push(outcome(cell).to_owned());
        row
    });
    csv_of(std::iter::once(columns.map(str::to_owned).to_vec()).chain(rows))
}

/// Expected, obtained, half width, difference, tolerance; empty where there is none.
fn numbers(cell: &Cell) -> [String; 5] {
    let number = |value: f64| format!("{value:.*}", cell.decimals);
    let compared = |value: f64| cell.expected.map_or_else(String::new, |_| number(value));
    let expected = cell.expected.unwrap_or(0.0);
    [
        compared(expected),
        number(cell.obtained),
        cell.half_width.map_or_else(String::new, number),
        compared(cell.obtained - expected),
        compared(cell.tolerance),
    ]
}

fn outcome(cell: &Cell) -> &'static str {
    match (cell.expected, cell.passes()) {
        (None, _) => "",
        (Some(_), true) => "pass",
        (Some(_), false) => "FAIL",
    }
}
