//! Instance events of the Google cluster traces of 2019 (table `instance_events`), as JSON lines or as CSV.

use super::rows::{Columns, Rows};
use super::stays::{AFTER_US, Stays, microseconds};
use super::{Machine, ReadError, Source, task_of};
use crate::workload::Workload;
use serde_json::{Map, Value};

/// Nested columns are named with a dot or, as exports flatten them, with an underscore.
const COLUMNS: Columns = Columns {
    required: &["time", "type", "collection_id", "instance_index"],
    optional: &[
        "resource_request.cpus",
        "resource_request.memory",
        "resource_request_cpus",
        "resource_request_memory",
        "alloc_collection_id",
        "collection_type",
        "scheduling_class",
        "missing_type",
        "priority",
        "machine_id",
        "alloc_instance_index",
        "constraint",
    ],
};

/// In the order of their numbers.
const TYPES: [&str; 11] = [
    "SUBMIT",
    "QUEUE",
    "ENABLE",
    "SCHEDULE",
    "EVICT",
    "FAIL",
    "FINISH",
    "KILL",
    "LOST",
    "UPDATE_PENDING",
    "UPDATE_RUNNING",
];
const SCHEDULE: usize = 3;
/// Evicted, failed, finished, killed, lost.
const ENDS: std::ops::RangeInclusive<usize> = 4..=8;

struct Event {
    at_us: u64,
    kind: usize,
    task: (u64, u64),
    /// 0 for none: what runs in an alloc set uses what that one's instance holds.
    alloc: u64,
    request: Option<(f64, f64)>,
}

/// Each time an instance is scheduled it arrives; it leaves when it is evicted, fails, finishes, is killed or lost.
/// Requests are shares of `largest`. Left out are instances without requests, and tasks that run in an alloc set: its
/// instances, which are tasks here, hold their resources.
pub fn google_2019_events(source: Source, largest: Machine) -> Result<Workload, ReadError> {
    let mut stays = Stays::default();
    let is_json = source.text.trim_start().starts_with('{');
    if is_json { json(source, largest, &mut stays) } else { csv(source, largest, &mut stays) }?;
    stays.into_workload(source)
}

/// What is wrong, and whether it is the time.
fn add(stays: &mut Stays, event: &Event, largest: Machine) -> Result<(), String> {
    let (cpu, memory) = match event.request {
        _ if ENDS.contains(&event.kind) => return stays.end(event.task, event.at_us),
        Some(request) if event.kind == SCHEDULE && event.alloc == 0 => request,
        _ => return Ok(()),
    };
    let shape = task_of(cpu * f64::from(largest.cpu_milli), memory * f64::from(largest.memory_mib));
    stays.begin(event.task, event.at_us, shape)
}

fn csv(source: Source, largest: Machine, stays: &mut Stays) -> Result<(), ReadError> {
    let mut rows = Rows::new(source, COLUMNS)?;
    while let Some(row) = rows.next()? {
        let request = |name: &str| {
            let (dotted, flat) = (format!("resource_request.{name}"), format!("resource_request_{name}"));
            Ok(row.decimal(&dotted)?.or(row.decimal(&flat)?))
        };
        let event = Event {
            at_us: microseconds(&row)?,
            kind: kind_of(row.text("type")).map_err(|problem| row.wrong("type", problem))?,
            task: (row.number("collection_id", 0, u64::MAX)?, row.number("instance_index", 0, u64::MAX)?),
            alloc: row.optional("alloc_collection_id", 0, u64::MAX)?.unwrap_or(0),
            request: request("cpus")?.zip(request("memory")?),
        };
        add(stays, &event, largest).map_err(|problem| row.wrong("time", problem))?;
    }
    Ok(())
}

fn kind_of(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number < TYPES.len());
    number.or_else(|| TYPES.iter().position(|name| *name == text)).ok_or_else(|| {
        format!("expected a whole number from 0 to {} or one of {}, found {text:?}", TYPES.len() - 1, TYPES.join(", "))
    })
}

fn json(source: Source, largest: Machine, stays: &mut Stays) -> Result<(), ReadError> {
    for (text, line) in source.text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty()) {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
            source.error(line, Some((error.column(), "")), format!("expected one JSON object on a line: {error}"))
        })?;
        let event = event_of(&object).map_err(|problem| source.error(line, None, problem))?;
        add(stays, &event, largest).map_err(|problem| source.error(line, None, format!("time: {problem}")))?;
    }
    Ok(())
}

fn event_of(object: &Map<String, Value>) -> Result<Event, String> {
    let kind = object.get("type").map(plain).ok_or("expected a member type, found none")?;
    let request = object.get("resource_request").filter(|value| !value.is_null());
    let part = |name: &str| match request.and_then(|request| request.get(name)) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let number = plain(value).parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
            let wrong = || format!("resource_request.{name}: expected a number of 0 or more, found {value}");
            number.ok_or_else(wrong).map(Some)
        }
    };
    Ok(Event {
        at_us: whole(object, "time", AFTER_US)?.ok_or("expected a member time, found none")?,
        kind: kind_of(&kind).map_err(|problem| format!("type: {problem}"))?,
        task: (
            whole(object, "collection_id", u64::MAX)?.ok_or("expected a member collection_id, found none")?,
            whole(object, "instance_index", u64::MAX)?.ok_or("expected a member instance_index, found none")?,
        ),
        alloc: whole(object, "alloc_collection_id", u64::MAX)?.unwrap_or(0),
        request: part("cpus")?.zip(part("memory")?),
    })
}

/// Exports write 64-bit numbers as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn whole(object: &Map<String, Value>, name: &str, max: u64) -> Result<Option<u64>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match plain(value).parse().ok().filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{name}: expected a whole number from 0 to {max}, found {value}")),
        },
    }
}
