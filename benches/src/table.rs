//! A table in Markdown.

use std::fmt;

pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new(header: &[&str]) -> Self {
        Table { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// A rate beside the one that is wanted of it.
    pub fn target(&mut self, what: &str, wanted: f64, measured: f64, unit: &str) {
        let met = if measured >= wanted { "yes" } else { "no" };
        self.row([what.to_owned(), format!("{wanted:.0} {unit}"), format!("{measured:.0} {unit}"), met.to_owned()]);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let widths: Vec<usize> =
            (0..self.rows[0].len()).map(|at| self.rows.iter().map(|row| row[at].len()).max().unwrap_or(0)).collect();
        for (nth, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}")).collect();
            writeln!(f, "| {} |", cells.join(" | "))?;
            if nth == 0 {
                let lines: Vec<String> = widths.iter().map(|&width| "-".repeat(width)).collect();
                writeln!(f, "| {} |", lines.join(" | "))?;
            }
        }
        Ok(())
    }
}
