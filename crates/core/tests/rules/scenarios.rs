//! Scenario scripts: every `tests/scenarios/*.txt` is a script and its expected trace in one file.
//!
//! Lines that begin with `> ` are commands, `#` is a comment, everything else is what the core did. With `BLESS=1` in
//! the environment the files are rewritten with what it does; read the difference before keeping it.

mod answer;
mod command;
mod words;

use crate::harness::{Behaviour, World, resources};
use answer::{history, reply, show};
use command::command;
use plimsoll_model::{Attribute, CAPACITY_PROVIDER_ATTRIBUTE, HealthStatus, PortClaim, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use words::Words;

#[test]
fn scenarios_read_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty());
    let bless = std::env::var_os("BLESS").is_some();
    let mut different = Vec::new();
    for path in paths {
        let expected = fs::read_to_string(&path).unwrap();
        let found = play(&expected);
        if found == expected {
            continue;
        }
        if bless {
            fs::write(&path, &found).unwrap();
        } else {
            different.push(format!("{}:\n{}", path.display(), first_difference(&expected, &found)));
        }
    }
    assert!(different.is_empty(), "{}\n(BLESS=1 rewrites the files)", different.join("\n"));
}

fn first_difference(expected: &str, found: &str) -> String {
    let line = expected.lines().zip(found.lines()).take_while(|(left, right)| left == right).count();
    let show = |text: &str| {
        text.lines().skip(line.saturating_sub(3)).take(8).map(|line| format!("    {line}\n")).collect::<String>()
    };
    format!("  line {}, expected:\n{}  found:\n{}", line + 1, show(expected), show(found))
}

/// The script with the trace it leads to.
fn play(script: &str) -> String {
    let mut world = World::new(crate::harness::config());
    let mut lines = Vec::new();
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            lines.push(line.to_owned());
            perform(&mut world, command);
            lines.append(&mut world.trace);
        } else if line.starts_with('#') || line.is_empty() {
            lines.push(line.to_owned());
        }
    }
    // Wherever a script ends, nothing is left that only a further pass would do (I-13).
    crate::harness::silence::assert_silent(&mut world, script.lines().next().unwrap_or(""));
    lines.join("\n") + "\n"
}

fn perform(world: &mut World, text: &str) {
    let words = Words::parse(text);
    let name = words.words.get(1).copied().unwrap_or("");
    match words.words[0] {
        "node" => add_node(world, name, &words),
        "define" => define(world, name, &words),
        "behave" => {
            let behaviour = Behaviour::parse(words.words[2]);
            world.nodes.values_mut().for_each(|node| {
                node.behaviours.insert(name.to_owned(), behaviour);
            });
        }
        "hear" => world.nodes.get_mut(name).unwrap().hear(),
        "exit" => {
            let task = world.labels.find_task(name);
            world.nodes.values_mut().find(|node| node.has(task)).unwrap().exit(task);
        }
        "health" => {
            let task = world.labels.find_task(name);
            let health = HealthStatus::parse(words.words[2]).unwrap();
            world.nodes.values_mut().find(|node| node.has(task)).unwrap().set_health(task, health);
        }
        "connect" => world.connect(name),
        "disconnect" => world.disconnect(name),
        "settle" => world.settle(),
        // One exchange: what all nodes have to say, and what follows from it.
        "round" => {
            let inputs = world.nodes.values_mut().filter_map(crate::harness::FakeNode::take_all).collect();
            world.batch(inputs);
        }
        "advance" => world.advance(u64::from(words.number("seconds", 0)) * 1_000),
        "show" => show(world, name),
        "history" => history(world, name),
        _ => {
            let command = command(world, &words, name);
            let result = world.command(command);
            let reply = reply(world, result);
            world.trace.push(format!("reply: {reply}"));
        }
    }
}

fn add_node(world: &mut World, name: &str, words: &Words<'_>) {
    let mut attributes = BTreeMap::new();
    if let Some(zone) = words.options.get("zone") {
        attributes.insert("ecs.availability-zone".into(), Attribute { value: Some((*zone).into()), custom: false });
    }
    if let Some(provider) = words.options.get("provider") {
        let attribute = Attribute { value: Some((*provider).into()), custom: false };
        attributes.insert(CAPACITY_PROVIDER_ATTRIBUTE.into(), attribute);
    }
    let mut resources = resources(words.number("cpu", 1_024), words.number("memory", 1_024));
    resources.reserved_ports = BTreeSet::from([PortClaim { protocol: Protocol::Tcp, port: 22 }]);
    world.add_node(name, resources, attributes);
}

fn define(world: &mut World, name: &str, words: &Words<'_>) {
    let mut container = serde_json::json!({ "cpu": words.number("cpu", 128), "memory": words.number("memory", 128) });
    if let Some(port) = words.option::<u16>("port") {
        container["portMappings"] = serde_json::json!([{ "containerPort": port, "hostPort": port }]);
    }
    if words.has("health-check") {
        container["healthCheck"] = serde_json::json!({ "command": ["CMD", "true"] });
    }
    world.define(name, container);
}
