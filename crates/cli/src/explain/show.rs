//! An explanation as people read it, and as programs do.

use comfy_table::{Cell, CellAlignment, Color, Table, presets};
use plimsoll_agent_proto::operator::v1::{
    Ask, Closest, ExplainReply, Instance, Needs, Obstacle, ServiceStanding, TaskStanding,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Only for people: on a terminal, and not where they said no (no-color.org).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    On,
    Off,
}

impl Colours {
    pub fn wanted(is_terminal: bool) -> Self {
        let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if is_terminal && !refused { Colours::On } else { Colours::Off }
    }

    fn paint(self, cell: Cell, colour: Color) -> Cell {
        if self == Colours::On { cell.fg(colour) } else { cell }
    }
}

pub fn as_text(reply: &ExplainReply, colours: Colours) -> String {
    let mut text = String::new();
    if let Some(service) = &reply.service {
        write_service(&mut text, service);
    }
    if let Some(needs) = &reply.needs {
        write_needs(&mut text, needs);
    }
    if !reply.tasks.is_empty() {
        write_tasks(&mut text, &reply.tasks, colours);
    }
    for ask in &reply.asks {
        write_ask(&mut text, ask, colours);
    }
    text
}

fn line(text: &mut String, line: &str) {
    let _infallible = writeln!(text, "{line}");
}

fn write_service(text: &mut String, service: &ServiceStanding) {
    let ServiceStanding { name, desired_count, running_count, pending_count, missing_count, .. } = service;
    let counts = format!("{desired_count} desired, {running_count} running, {pending_count} pending");
    line(text, &format!("service {name}: {counts}, {missing_count} to be started"));
    for waits in &service.waits {
        line(text, &format!("waits: {waits}"));
    }
}

fn write_needs(text: &mut String, needs: &Needs) {
    let mut wants = vec![format!("{} CPU units", needs.cpu_units), format!("{} MiB", needs.memory_mib)];
    wants.extend((needs.gpus > 0).then(|| format!("{} GPUs", needs.gpus)));
    wants.extend((!needs.ports.is_empty()).then(|| format!("ports {}", needs.ports.join(", "))));
    wants.extend(needs.member_of.iter().map(|expression| format!("memberOf {expression}")));
    wants.extend(needs.distinct_instance.then(|| "an instance without another of its group".to_owned()));
    wants.extend(needs.external.then(|| "an external instance".to_owned()));
    line(text, &format!("{} needs {}", needs.task_definition, wants.join(", ")));
}

/// One row per instance and definition: a service has many tasks.
fn write_tasks(text: &mut String, tasks: &[TaskStanding], colours: Colours) {
    let mut rows: BTreeMap<(u32, String, &str), BTreeMap<String, u32>> = BTreeMap::new();
    for task in tasks {
        // Those nowhere in the ranking come last.
        let rank = task.rank.checked_sub(1).unwrap_or(u32::MAX);
        let status = match &*task.desired_status {
            "STOPPED" => format!("{} (stopping)", task.last_status),
            _ => task.last_status.clone(),
        };
        let row = rows.entry((rank, named(task.instance.as_ref()), &task.task_definition)).or_default();
        *row.entry(status).or_default() += 1;
    }
    let mut table = new_table(["instance", "tasks", "status", "definition", "rank now"]);
    for ((rank, instance, definition), statuses) in rows {
        let words = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect::<Vec<_>>().join(", ");
        let rank = match rank {
            u32::MAX => colours.paint(Cell::new("takes no more"), Color::Yellow),
            rank => Cell::new(rank + 1),
        };
        let count: u32 = statuses.values().sum();
        table.add_row([Cell::new(instance), Cell::new(count), Cell::new(words), Cell::new(definition), rank]);
    }
    align_right(&mut table, &[1, 4]);
    line(text, "\nwhere tasks are");
    line(text, &table.to_string());
}

fn write_ask(text: &mut String, ask: &Ask, colours: Colours) {
    let Ask { count, placed, instances, takers, .. } = ask;
    let among = match &*ask.capacity_provider {
        "" => String::new(),
        provider => format!(" of capacity provider {provider}"),
    };
    let refuse = instances - takers;
    line(
        text,
        &format!(
            "\n{placed} of {count} find a place; {takers} of {instances} instances{among} take one, {refuse} refuse"
        ),
    );
    if !ask.candidates.is_empty() {
        write_candidates(text, ask, colours);
    }
    if !ask.obstacles.is_empty() {
        write_obstacles(text, &ask.obstacles, colours);
    }
    if let Some(closest) = ask.closest.as_ref().filter(|_| ask.takers == 0) {
        line(text, &closest_in_words(closest));
    }
}

fn write_candidates(text: &mut String, ask: &Ask, colours: Colours) {
    let places: BTreeMap<&str, u32> =
        ask.places.iter().filter_map(|one| Some((&*one.instance.as_ref()?.id, one.tasks))).collect();
    let mut header = vec!["rank".to_owned(), "instance".to_owned()];
    header.extend(ask.chain.iter().cloned());
    header.extend((!ask.policy.is_empty()).then(|| format!("score by {}", ask.policy)));
    header.push("would get".to_owned());
    let columns = header.len();
    let mut table = new_table(header);
    for (rank, candidate) in (1..).zip(&ask.candidates) {
        let id = candidate.instance.as_ref().map(|one| &*one.id).unwrap_or_default();
        let gets = match places.get(id) {
            Some(tasks) => colours.paint(Cell::new(tasks), Color::Green),
            None => Cell::new(""),
        };
        let ranks = candidate.ranks.iter().map(Cell::new);
        let row = [Cell::new(rank), Cell::new(named(candidate.instance.as_ref()))];
        let score = (!ask.policy.is_empty()).then(|| Cell::new(candidate.score));
        table.add_row(row.into_iter().chain(ranks).chain(score).chain([gets]));
    }
    let numbers: Vec<usize> = (0..columns).filter(|column| *column != 1).collect();
    align_right(&mut table, &numbers);
    line(text, &table.to_string());
    let unnamed = ask.takers as usize - ask.candidates.len();
    if unnamed > 0 {
        line(text, &format!("and {unnamed} more"));
    }
}

fn write_obstacles(text: &mut String, obstacles: &[Obstacle], colours: Colours) {
    let mut table = new_table(["in the way", "what", "instances", "alone"]);
    for one in obstacles {
        let reason = colours.paint(Cell::new(&one.reason), Color::Red);
        table.add_row([reason, Cell::new(&one.about), Cell::new(one.instances), Cell::new(one.only)]);
    }
    align_right(&mut table, &[2, 3]);
    line(text, &table.to_string());
}

fn closest_in_words(closest: &Closest) -> String {
    let mut lacks = Vec::new();
    for (missing, of) in
        [(closest.cpu_units_missing, "CPU units"), (closest.memory_mib_missing, "MiB"), (closest.gpus_missing, "GPUs")]
    {
        lacks.extend((missing > 0).then(|| format!("{missing} {of}")));
    }
    let lacks = if lacks.is_empty() { String::new() } else { format!("; it lacks {}", lacks.join(", ")) };
    format!("closest: {}, which fails {}{lacks}", named(closest.instance.as_ref()), closest.fails.join(", "))
}

fn new_table<T: Into<comfy_table::Row>>(header: T) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY).set_header(header);
    table
}

fn align_right(table: &mut Table, columns: &[usize]) {
    for column in columns {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Short: the first eight digits, and the zone.
fn named(instance: Option<&Instance>) -> String {
    let Some(one) = instance else { return String::new() };
    let id = one.id.get(..8).unwrap_or(&one.id);
    if one.availability_zone.is_empty() { id.to_owned() } else { format!("{id} ({})", one.availability_zone) }
}

pub fn as_json(reply: &ExplainReply) -> Value {
    json!({
        "needs": reply.needs.as_ref().map(needs_as_json),
        "service": reply.service.as_ref().map(service_as_json),
        "tasks": reply.tasks.iter().map(task_as_json).collect::<Vec<_>>(),
        "asks": reply.asks.iter().map(ask_as_json).collect::<Vec<_>>(),
    })
}

fn needs_as_json(needs: &Needs) -> Value {
    json!({
        "taskDefinition": needs.task_definition, "group": needs.group, "cpu": needs.cpu_units,
        "memory": needs.memory_mib, "gpus": needs.gpus, "ports": needs.ports, "attributes": needs.attributes,
        "memberOf": needs.member_of, "distinctInstance": needs.distinct_instance, "external": needs.external,
    })
}

fn service_as_json(service: &ServiceStanding) -> Value {
    json!({
        "name": service.name, "deployment": service.deployment, "desiredCount": service.desired_count,
        "runningCount": service.running_count, "pendingCount": service.pending_count,
        "missingCount": service.missing_count, "waits": service.waits,
    })
}

fn task_as_json(task: &TaskStanding) -> Value {
    json!({
        "task": task.task, "taskDefinition": task.task_definition,
        "instance": task.instance.as_ref().map(instance_as_json), "lastStatus": task.last_status,
        "desiredStatus": task.desired_status, "createdAtMs": task.created_at_ms,
        "rank": (task.rank > 0).then_some(task.rank),
    })
}

fn instance_as_json(instance: &Instance) -> Value {
    json!({
        "containerInstance": instance.id, "ec2InstanceId": instance.ec2_instance_id,
        "availabilityZone": instance.availability_zone,
    })
}

fn ask_as_json(ask: &Ask) -> Value {
    let instance = |one: &Option<Instance>| one.as_ref().map(instance_as_json);
    let candidates = ask.candidates.iter().map(|one| {
        let ranks: serde_json::Map<String, Value> =
            ask.chain.iter().zip(&one.ranks).map(|(strategy, rank)| (strategy.clone(), (*rank).into())).collect();
        let score = (!ask.policy.is_empty()).then_some(one.score);
        json!({ "instance": instance(&one.instance), "ranks": ranks, "score": score })
    });
    let places = ask.places.iter().map(|one| json!({ "instance": instance(&one.instance), "tasks": one.tasks }));
    let obstacles = ask
        .obstacles
        .iter()
        .map(|one| json!({ "reason": one.reason, "about": one.about, "instances": one.instances, "alone": one.only }));
    let refusals = ask.refusals.iter().map(|one| json!({ "instance": instance(&one.instance), "reason": one.reason }));
    let closest = ask.closest.as_ref().map(|one| {
        json!({
            "instance": instance(&one.instance), "reason": one.reason, "fails": one.fails,
            "missing": { "cpu": one.cpu_units_missing, "memory": one.memory_mib_missing, "gpus": one.gpus_missing },
        })
    });
    let policy = (!ask.policy.is_empty()).then_some(&ask.policy);
    json!({
        "policy": policy, "capacityProvider": ask.capacity_provider, "count": ask.count, "placed": ask.placed,
        "places": places.collect::<Vec<_>>(), "instances": ask.instances, "takers": ask.takers, "chain": ask.chain,
        "candidates": candidates.collect::<Vec<_>>(), "obstacles": obstacles.collect::<Vec<_>>(), "closest": closest,
        "refusals": refusals.collect::<Vec<_>>(),
    })
}
