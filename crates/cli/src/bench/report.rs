//! What was measured, as a table, as JSON, and as the one line other tools read.

use super::measure::Latencies;
use anyhow::Result;
use comfy_table::{CellAlignment, Table, presets};
use serde_json::json;
use std::io::IsTerminal as _;

pub struct Report {
    pub instances: u32,
    pub tasks: u32,
    pub join_seconds: f64,
    /// From sending CreateService until the API shows every task RUNNING, which it does only once that is durable.
    pub create_seconds: f64,
    pub roll_seconds: Option<f64>,
    pub latencies: Latencies,
    pub resident_bytes_per_task: f64,
    /// Rows created and updated once, per second.
    pub database_rows_per_second: f64,
}

impl Report {
    pub fn new(instances: u32, tasks: u32) -> Self {
        Report {
            instances,
            tasks,
            join_seconds: 0.0,
            create_seconds: 0.0,
            roll_seconds: None,
            latencies: Latencies::default(),
            resident_bytes_per_task: 0.0,
            database_rows_per_second: 0.0,
        }
    }

    /// Says what goes on, to people only.
    pub fn progress(&self, what: &str) {
        if std::io::stderr().is_terminal() {
            eprintln!("{what}");
        }
    }

    fn tasks_per_second(&self) -> f64 {
        f64::from(self.tasks) / self.create_seconds
    }

    pub fn print(&self, as_json: bool) -> Result<()> {
        let durable = self.tasks_per_second();
        let limit = self.database_rows_per_second;
        let ratio = durable / limit;
        if as_json {
            println!(
                "{}",
                json!({
                    "instances": self.instances, "tasks": self.tasks, "join_seconds": self.join_seconds,
                    "create_seconds": self.create_seconds, "roll_seconds": self.roll_seconds,
                    "durable_tasks_per_second": durable, "database_rows_per_second": limit, "ratio": ratio,
                    "api_p50_ms": self.latencies.p50_ms, "api_p99_ms": self.latencies.p99_ms,
                    "api_requests": self.latencies.requests, "server_bytes_per_task": self.resident_bytes_per_task,
                })
            );
        } else {
            println!("{}", self.table());
        }
        println!("bench: durable {durable:.0} tasks/s, database limit {limit:.0} rows/s, ratio {ratio:.3}");
        Ok(())
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let seconds = |value: f64| format!("{value:.2} s");
        let mut row = |what: &str, value: String| {
            table.add_row([what.to_owned(), value]);
        };
        row("simulated instances", self.instances.to_string());
        row("tasks", self.tasks.to_string());
        row("instances joined in", seconds(self.join_seconds));
        row("all tasks RUNNING in", seconds(self.create_seconds));
        if let Some(roll) = self.roll_seconds {
            row("all tasks rolled in", seconds(roll));
        }
        row("API latency p50", format!("{:.2} ms", self.latencies.p50_ms));
        row("API latency p99", format!("{:.2} ms", self.latencies.p99_ms));
        row("server memory per task", format!("{:.0} bytes", self.resident_bytes_per_task));
        if let Some(column) = table.column_mut(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
