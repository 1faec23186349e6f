//! The Azure trace for packing (2020): requests for virtual machines with their lifetimes, and what each type of them
//! takes of each kind of machine. A SQLite database; whoever opens it hands over two tables as rows without a header.

use super::rows::{Row, Rows};
use super::{ARRIVALS_MAX, Machine, ReadError, Source, task_of};
use crate::workload::{Arrival, Shapes, Workload};
use std::collections::BTreeMap;

/// Tables and columns that are read, in the order in which rows have them.
pub const PACKING_TABLES: [(&str, &[&str]); 2] =
    [("vm", &["vmId", "vmTypeId", "starttime", "endtime"]), ("vmType", &["vmTypeId", "machineId", "core", "memory"])];

const DAY_S: f64 = 86_400.0;

/// The rows of one database, and what to make of them.
#[derive(Clone, Copy, Debug)]
pub struct AzurePacking<'a> {
    /// Errors name it.
    pub database: &'a str,
    /// Of [`PACKING_TABLES`], as CSV.
    pub vms: &'a str,
    pub types: &'a str,
    /// The machine whose column of sizes is taken, by the trace's number.
    pub machine_id: u64,
    /// What it has: sizes are shares of it.
    pub machine: Machine,
    /// When the clock stops; without, with the last departure.
    pub end_s: Option<u64>,
}

/// A VM arrives at `starttime`, at 0 if it was there before, and leaves at `endtime`; without one it stays. Left out are
/// VMs that left before 0 or come after the clock stops, and those whose type this machine does not host.
pub fn azure_packing(trace: &AzurePacking) -> Result<Workload, ReadError> {
    let mut shapes = Shapes::default();
    let types = types(trace, &mut shapes)?;
    let (_, columns) = PACKING_TABLES[0];
    let source = Source { name: trace.database, text: trace.vms };
    let mut rows = Rows::headless(source, columns);
    let mut arrivals: Vec<Arrival> = Vec::new();
    while let Some(row) = rows.next().map_err(|error| in_table("vm", error))? {
        let arrival = arrival(&row, &types).map_err(|error| in_table("vm", error))?;
        let too_late = |at_s: u64| trace.end_s.is_some_and(|end_s| at_s > end_s);
        arrivals.extend(arrival.filter(|one| !too_late(one.at_s)));
    }
    if arrivals.len() > ARRIVALS_MAX {
        return Err(source.error(0, None, format!("expected at most {ARRIVALS_MAX} VMs, found {}", arrivals.len())));
    }
    if arrivals.is_empty() {
        let problem = format!("expected at least one VM whose type machine {} hosts, found none", trace.machine_id);
        return Err(in_table("vm", source.error(0, None, problem)));
    }
    arrivals.sort_by_key(|arrival| arrival.at_s);
    let last = arrivals.iter().map(|one| one.leaves_s.unwrap_or(one.at_s)).max();
    Ok(Workload { shapes: shapes.into_list(), arrivals, end_s: trace.end_s.or(last) })
}

/// The shape of each type; `None` for one that only other machines host.
fn types(trace: &AzurePacking, shapes: &mut Shapes) -> Result<BTreeMap<u64, Option<u32>>, ReadError> {
    let (_, columns) = PACKING_TABLES[1];
    let source = Source { name: trace.database, text: trace.types };
    let mut rows = Rows::headless(source, columns);
    let mut types: BTreeMap<u64, Option<u32>> = BTreeMap::new();
    let mut machines: Vec<u64> = Vec::new();
    while let Some(row) = rows.next().map_err(|error| in_table("vmType", error))? {
        let read = |row: &Row| {
            let of_type: u64 = row.number("vmTypeId", 0, u64::MAX)?;
            let of_machine: u64 = row.number("machineId", 0, u64::MAX)?;
            Ok((of_type, of_machine, share(row, "core")?, share(row, "memory")?))
        };
        let (of_type, of_machine, core, memory) = read(&row).map_err(|error| in_table("vmType", error))?;
        machines.push(of_machine);
        let slot = types.entry(of_type).or_default();
        if of_machine == trace.machine_id {
            let machine = trace.machine;
            let shape = task_of(core * f64::from(machine.cpu_milli), memory * f64::from(machine.memory_mib));
            *slot = Some(shapes.number(shape));
        }
    }
    if types.values().all(Option::is_none) {
        machines.sort_unstable();
        machines.dedup();
        let known = machines.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        let problem = format!("expected machineId {} in some row, found {known}", trace.machine_id);
        return Err(in_table("vmType", source.error(0, None, problem)));
    }
    Ok(types)
}

fn share(row: &Row, column: &str) -> Result<f64, ReadError> {
    let share = row.decimal(column)?.filter(|share| *share <= 1.0);
    share.ok_or_else(|| {
        row.wrong(column, format!("expected a share of a machine from 0 to 1, found {:?}", row.text(column)))
    })
}

fn arrival(row: &Row, types: &BTreeMap<u64, Option<u32>>) -> Result<Option<Arrival>, ReadError> {
    let of_type: u64 = row.number("vmTypeId", 0, u64::MAX)?;
    let Some(shape) = types.get(&of_type) else {
        return Err(row.wrong("vmTypeId", format!("expected a type of table vmType, found {of_type}")));
    };
    let Some(start) = row.signed_decimal("starttime")? else {
        return Err(row.wrong("starttime", "expected a number of days, found nothing"));
    };
    let end = row.signed_decimal("endtime")?;
    if let Some(end) = end.filter(|end| *end < start) {
        return Err(row.wrong("endtime", format!("expected {start} or later, found {end}")));
    }
    if end.is_some_and(|end| end <= 0.0) {
        return Ok(None);
    }
    let seconds = |days: f64| (days.max(0.0) * DAY_S) as u64;
    Ok(shape.map(|shape| Arrival { shape, at_s: seconds(start), leaves_s: end.map(seconds) }))
}

/// Rows of a table have no lines.
fn in_table(table: &str, error: ReadError) -> ReadError {
    let row = if error.line > 0 { format!(", row {}", error.line) } else { String::new() };
    ReadError { file: format!("{}, table {table}{row}", error.file), line: 0, ..error }
}
