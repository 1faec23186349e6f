//! CPU and memory of tasks and containers (TD-10 to TD-17).

use super::document::{Document, integer, text};
use super::{Checked, DefinitionError, refuse};
use serde_json::{Map, Value};

/// Docker refuses less (TD-13).
const CONTAINER_MEMORY_MIB_MIN: i64 = 4;
/// Task CPU units on own instances (TD-14).
const TASK_CPU_UNITS: std::ops::RangeInclusive<u64> = 128..=196_608;

/// Rewrites task `cpu` and `memory` to plain units and MiB, as ECS shows them (TD-14, TD-15).
pub(super) fn normalise_task_sizes(request: &mut Map<String, Value>) -> Checked {
    if let Some(given) = text(request, "cpu").map(str::to_owned) {
        let units = parse_size(&given, "vcpu").filter(|units| TASK_CPU_UNITS.contains(units));
        let Some(units) = units else {
            return refuse(format!(
                "Invalid 'cpu' setting for task. {given:?} is not a number of CPU units from {} to {} or of vCPUs.",
                TASK_CPU_UNITS.start(),
                TASK_CPU_UNITS.end()
            ));
        };
        request.insert("cpu".into(), Value::String(units.to_string()));
    }
    if let Some(given) = text(request, "memory").map(str::to_owned) {
        let mib = parse_size(&given, "gb").filter(|mib| (1..=i32::MAX as u64).contains(mib));
        let Some(mib) = mib else {
            return refuse(format!(
                "Invalid 'memory' setting for task. {given:?} is not a number of MiB of at least 1 or of GB."
            ));
        };
        request.insert("memory".into(), Value::String(mib.to_string()));
    }
    Ok(())
}

/// Task `cpu` in units, as definitions and overrides write it (TD-14).
pub fn task_cpu_units(given: &str) -> Option<u32> {
    parse_size(given, "vcpu").filter(|units| TASK_CPU_UNITS.contains(units)).and_then(|units| units.try_into().ok())
}

/// Task `memory` in MiB, as definitions and overrides write it (TD-15).
pub fn task_memory_mib(given: &str) -> Option<u32> {
    parse_size(given, "gb").filter(|mib| (1..=i32::MAX as u64).contains(mib)).and_then(|mib| mib.try_into().ok())
}

/// A plain integer, or a decimal number followed by `unit` (any case) that stands for 1024 of it. Exact: no floats.
fn parse_size(given: &str, unit: &str) -> Option<u64> {
    let trimmed = given.trim();
    let lower = trimmed.to_ascii_lowercase();
    let Some(number) = lower.strip_suffix(unit) else {
        let plain = !trimmed.is_empty() && trimmed.bytes().all(|byte| byte.is_ascii_digit());
        return if plain { trimmed.parse().ok() } else { None };
    };
    let number = number.trim_end();
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if number.is_empty() || number == "." || !digits(whole) || !digits(fraction) || fraction.len() > 10 {
        return None;
    }
    let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let scale = 10u64.pow(fraction.len() as u32);
    let part: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let scaled = part.checked_mul(1024)?;
    if !scaled.is_multiple_of(scale) {
        return None;
    }
    whole.checked_mul(1024)?.checked_add(scaled / scale)
}

pub(super) fn check(document: &Document<'_>) -> Checked {
    let task_cpu = text(document.root, "cpu").and_then(|units| units.parse::<i64>().ok());
    let task_memory = text(document.root, "memory").and_then(|mib| mib.parse::<i64>().ok());
    let (mut cpu_sum, mut reservation_sum) = (0i64, 0i64);
    for container in document.containers() {
        let cpu = integer(container.members, "cpu").unwrap_or(0);
        if cpu < 0 {
            return refuse(format!(
                "Invalid 'cpu' setting for container '{}': {cpu} is less than 0.",
                container.name()
            ));
        }
        cpu_sum = cpu_sum.saturating_add(cpu);
        let memory = container_memory(container.members, container.name(), "memory")?;
        let reservation = container_memory(container.members, container.name(), "memoryReservation")?;
        check_container_memory(container.name(), memory, reservation, task_memory)?;
        reservation_sum = reservation_sum.saturating_add(reservation.unwrap_or(0));
    }
    if task_cpu.is_some_and(|task_cpu| cpu_sum > task_cpu) {
        return refuse("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.");
    }
    if task_memory.is_some_and(|task_memory| reservation_sum > task_memory) {
        return refuse(
            "The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.",
        );
    }
    Ok(())
}

fn container_memory(
    members: &Map<String, Value>,
    container: &str,
    member: &str,
) -> Result<Option<i64>, DefinitionError> {
    match integer(members, member) {
        Some(mib) if mib < CONTAINER_MEMORY_MIB_MIN => refuse(format!(
            "Invalid '{member}' setting for container '{container}': {mib} MiB is less than {CONTAINER_MEMORY_MIB_MIN}."
        )),
        other => Ok(other),
    }
}

fn check_container_memory(
    name: &str,
    memory: Option<i64>,
    reservation: Option<i64>,
    task_memory: Option<i64>,
) -> Checked {
    if memory.is_none() && reservation.is_none() && task_memory.is_none() {
        return refuse(format!(
            "Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be specified."
        ));
    }
    if let (Some(memory), Some(reservation)) = (memory, reservation)
        && memory < reservation
    {
        return refuse(format!(
            "Invalid setting for container '{name}'. The 'memory' value {memory} is less than 'memoryReservation' {reservation}."
        ));
    }
    if memory > task_memory && task_memory.is_some() {
        return refuse(format!("The 'memory' setting for container is greater than for the task. Container '{name}'."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parse_size;

    #[test]
    fn td14_td15_sizes_with_units_are_exact() {
        for (given, expected) in [
            ("256", Some(256)),
            ("1 vCPU", Some(1024)),
            ("1vcpu", Some(1024)),
            (".25 vCPU", Some(256)),
            ("0.5VCPU", Some(512)),
            ("2.", None),
            ("2.vCPU", Some(2048)),
            ("0.0001 vCPU", None),
            ("-1", None),
            ("1e3", None),
            ("", None),
            ("vCPU", None),
            (". vCPU", None),
            ("99999999999999999999 vCPU", None),
        ] {
            assert_eq!(parse_size(given, "vcpu"), expected, "{given:?}");
        }
        assert_eq!(parse_size("0.5 GB", "gb"), Some(512));
    }
}
