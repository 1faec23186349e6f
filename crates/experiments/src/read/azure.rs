//! Azure VM flavour streams: which flavours arrive per bin of time, how long each lives, what a flavour is.

use super::rows::{Columns, Rows};
use super::{ReadError, Source};
use crate::workload::{Arrival, Shape, Shapes, Workload};
use plimsoll_placement::policy::{Models, Task};
use std::collections::BTreeMap;

/// The four files that belong together.
#[derive(Clone, Copy, Debug)]
pub struct AzureFlavors<'a> {
    /// `<seconds> <flavour>,<flavour>,|,...`
    pub arrivals: Source<'a>,
    /// The same with `U<bin>` (ended) or `C<bin>` (still there) in place of each flavour.
    pub lifetimes: Source<'a>,
    /// `<vCPU>,<memory GiB> <flavour>`
    pub flavors: Source<'a>,
    /// Columns `bin, lower_s, upper_s`.
    pub bins: Source<'a>,
}

const BIN_COLUMNS: Columns = Columns { required: &["bin", "lower_s", "upper_s"], optional: &[] };

/// VMs in file order; one with lifetime bin `b` leaves after that bin's upper bound. `end_s` is when the clock stops.
pub fn azure_flavors(files: &AzureFlavors, end_s: u64) -> Result<Workload, ReadError> {
    let mut shapes = Shapes::default();
    let flavors = read_flavors(files.flavors, &mut shapes)?;
    let bins = read_bins(files.bins)?;
    let mut arrivals: Vec<Arrival> = Vec::new();
    let mut lifetimes = numbered(files.lifetimes.text);
    for (line, text) in numbered(files.arrivals.text) {
        let (at_s, vms) = stream_line(files.arrivals, line, text)?;
        let (lifetime_line, text) = lifetimes.next().ok_or_else(|| {
            files.lifetimes.error(0, None, format!("expected as many lines as {}, found fewer", files.arrivals.name))
        })?;
        let (same_s, ends) = stream_line(files.lifetimes, lifetime_line, text)?;
        if same_s != at_s {
            let problem = format!("expected time {at_s} as in {}, found {same_s}", files.arrivals.name);
            return Err(files.lifetimes.error(lifetime_line, Some((1, "time")), problem));
        }
        if at_s > end_s || arrivals.last().is_some_and(|before| before.at_s > at_s) {
            let problem = format!("expected times that do not fall and are at most {end_s}, found {at_s}");
            return Err(files.arrivals.error(line, Some((1, "time")), problem));
        }
        if vms.len() != ends.len() {
            let problem = format!("expected {} VMs as in {}, found {}", vms.len(), files.arrivals.name, ends.len());
            return Err(files.lifetimes.error(lifetime_line, None, problem));
        }
        for ((column, flavor), (end_column, end)) in vms.into_iter().zip(ends) {
            let shape = *flavors.get(flavor).ok_or_else(|| {
                let problem = format!("expected a flavour of {}, found {flavor:?}", files.flavors.name);
                files.arrivals.error(line, Some((column, "flavour")), problem)
            })?;
            let lifetime_s = lifetime(end, &bins).ok_or_else(|| {
                let problem = format!("expected U or C and a bin of {}, found {end:?}", files.bins.name);
                files.lifetimes.error(lifetime_line, Some((end_column, "lifetime")), problem)
            })?;
            arrivals.push(Arrival { shape, at_s, leaves_s: lifetime_s.map(|lifetime| at_s + lifetime) });
        }
    }
    if let Some((line, _)) = lifetimes.next() {
        return Err(files.lifetimes.error(line, None, format!("expected no more lines than {}", files.arrivals.name)));
    }
    if arrivals.is_empty() {
        return Err(files.arrivals.error(0, None, "expected at least one VM, found none"));
    }
    Ok(Workload { shapes: shapes.into_list(), arrivals, end_s: Some(end_s) })
}

/// Lines that are not empty, with their numbers from 1.
fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
    text.lines().zip(1..).map(|(text, line)| (line, text)).filter(|(_, text)| !text.trim().is_empty())
}

/// Items of one line, each with the column of its first character.
type Items<'a> = Vec<(usize, &'a str)>;

/// Time and items of one line; each item with the column of its first character. `|` separates tenants' batches.
fn stream_line<'a>(source: Source, line: u64, text: &'a str) -> Result<(u64, Items<'a>), ReadError> {
    let (time, list) = text.split_once(' ').unwrap_or((text, ""));
    let Ok(at_s) = time.parse() else {
        let problem = format!("expected a whole number of seconds, found {time:?}");
        return Err(source.error(line, Some((1, "time")), problem));
    };
    let mut column = time.len() + 2;
    let mut items = Vec::new();
    for item in list.split(',') {
        if !item.trim().is_empty() && item.trim() != "|" {
            items.push((column, item.trim()));
        }
        column += item.len() + 1;
    }
    Ok((at_s, items))
}

/// `Some(None)` for a VM that outlives the trace.
fn lifetime(text: &str, bins: &BTreeMap<u32, u64>) -> Option<Option<u64>> {
    let bin = text.get(1..)?.parse().ok()?;
    let upper_s = bins.get(&bin)?;
    match text.as_bytes()[0] {
        b'U' => Some(Some(*upper_s)),
        b'C' => Some(None),
        _ => None,
    }
}

fn read_bins(source: Source) -> Result<BTreeMap<u32, u64>, ReadError> {
    let mut rows = Rows::new(source, BIN_COLUMNS)?;
    let mut bins = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let lower_s: u64 = row.number("lower_s", 0, u64::from(u32::MAX))?;
        bins.insert(row.number("bin", 0, u32::MAX)?, row.number("upper_s", lower_s, u64::from(u32::MAX))?);
    }
    Ok(bins)
}

fn read_flavors<'a>(source: Source<'a>, shapes: &mut Shapes) -> Result<BTreeMap<&'a str, u32>, ReadError> {
    let mut flavors = BTreeMap::new();
    for (line, text) in numbered(source.text) {
        let wrong = |problem: &str| source.error(line, None, format!("{problem}, found {text:?}"));
        let (size, flavor) =
            text.trim().split_once(' ').ok_or_else(|| wrong("expected <vCPU>,<memory GiB> <flavour>"))?;
        let (cpu, memory) = size.split_once(',').ok_or_else(|| wrong("expected <vCPU>,<memory GiB>"))?;
        let cpu_milli = thousandths(cpu).ok_or_else(|| wrong("expected a positive number of vCPUs"))?;
        let memory_mib = thousandths(memory)
            .map(|thousandths| thousandths * 1024)
            .filter(|thousandths| thousandths % 1000 == 0)
            .ok_or_else(|| wrong("expected a positive number of GiB that is a whole number of MiB"))?
            / 1000;
        let fits = |number: u64| u32::try_from(number).map_err(|_| wrong("expected a size below 2^32"));
        let task = Task {
            cpu_milli: fits(cpu_milli)?,
            memory_mib: fits(memory_mib)?,
            gpus: 0,
            gpu_milli: 0,
            models: Models::ANY,
        };
        flavors.insert(flavor.trim(), shapes.number(Shape { task, gpu_spec: String::new() }));
    }
    Ok(flavors)
}

/// A positive decimal with at most three places, in thousandths; at most 2^32 of them.
fn thousandths(text: &str) -> Option<u64> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 3 {
        return None;
    }
    let number = format!("{whole}{fraction:0<3}").parse().ok()?;
    (1..=u64::from(u32::MAX)).contains(&number).then_some(number)
}
