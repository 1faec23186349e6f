//! A plan as people read it, and as programs do.

use comfy_table::{CellAlignment, Table, presets};
use plimsoll_agent_proto::operator::v1::{Move, Outcome, PlanReply, PlanStep, Standing};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub fn as_text(reply: &PlanReply) -> String {
    let mut text = String::new();
    if reply.steps.is_empty() {
        text.push_str("Nothing starts and nothing stops.\n");
        return text;
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(["step", "after", "starts", "stops", "then running"]);
    for (number, step) in (1..).zip(&reply.steps) {
        table.add_row([
            number.to_string(),
            format!("{:.1} s", step.at_ms as f64 / 1_000.0),
            places(&step.started, '+'),
            places(&step.stopped, '-'),
            step.deployments.iter().map(standing).collect::<Vec<_>>().join("\n"),
        ]);
    }
    for column in [0, 1] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let _infallible = writeln!(text, "{table}");
    let said = reply.steps.iter().flat_map(|step| &step.events);
    let worth = said.filter(|event| !event.contains(") has started ") && !event.contains(") has stopped "));
    for event in worth {
        let _infallible = writeln!(text, "event: {event}");
    }
    let sum = |count: fn(&PlanStep) -> usize| reply.steps.iter().map(count).sum::<usize>();
    let (starts, stops) = (sum(|step| step.started.len()), sum(|step| step.stopped.len()));
    let end = match reply.outcome() {
        Outcome::Steady => "the service is steady then",
        Outcome::Blocked => "then nothing moves any more, and something is missing",
        Outcome::Unfinished | Outcome::Unspecified => "and that is not the end",
    };
    let _infallible = writeln!(text, "{starts} tasks start, {stops} stop; {end}.");
    text
}

/// One line per definition and instance.
fn places(moves: &[Move], sign: char) -> String {
    let mut counts: BTreeMap<(&str, &str, &str), u32> = BTreeMap::new();
    for one in moves {
        let instance = one.container_instance.get(..8).unwrap_or(&one.container_instance);
        *counts.entry((&one.task_definition, instance, &one.availability_zone)).or_default() += 1;
    }
    let line = |((definition, instance, zone), count): (&(&str, &str, &str), &u32)| {
        let zone = if zone.is_empty() { String::new() } else { format!(" ({zone})") };
        format!("{sign}{count} {definition} on {instance}{zone}")
    };
    counts.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn standing(one: &Standing) -> String {
    let pending = if one.pending_count > 0 { format!(" and {} pending", one.pending_count) } else { String::new() };
    let status = one.status.to_lowercase();
    format!("{} {status}: {} of {}{pending}", one.task_definition, one.running_count, one.desired_count)
}

pub fn as_json(reply: &PlanReply) -> Value {
    let moved = |one: &Move| {
        json!({
            "task": one.task, "taskDefinition": one.task_definition, "containerInstance": one.container_instance,
            "availabilityZone": one.availability_zone, "reason": one.reason,
        })
    };
    let standing = |one: &Standing| {
        json!({
            "deployment": one.deployment, "status": one.status, "taskDefinition": one.task_definition,
            "desiredCount": one.desired_count, "runningCount": one.running_count, "pendingCount": one.pending_count,
        })
    };
    let step = |step: &PlanStep| {
        json!({
            "afterSeconds": step.at_ms as f64 / 1_000.0,
            "started": step.started.iter().map(moved).collect::<Vec<_>>(),
            "stopped": step.stopped.iter().map(moved).collect::<Vec<_>>(),
            "events": step.events,
            "deployments": step.deployments.iter().map(standing).collect::<Vec<_>>(),
        })
    };
    let outcome = match reply.outcome() {
        Outcome::Steady => "STEADY",
        Outcome::Blocked => "BLOCKED",
        Outcome::Unfinished | Outcome::Unspecified => "UNFINISHED",
    };
    json!({ "outcome": outcome, "steps": reply.steps.iter().map(step).collect::<Vec<_>>() })
}
