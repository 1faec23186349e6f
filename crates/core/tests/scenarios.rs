//! Scenario scripts: every `tests/scenarios/*.txt` is a script and its expected trace in one file.
//!
//! Lines that begin with `> ` are commands, `#` is a comment, everything else is what the core did. With `BLESS=1` in
//! the environment the files are rewritten with what it does; read the difference before keeping it.

// A test that cannot go on should say where.
#![allow(clippy::unwrap_used)]

mod harness;

use harness::{Behaviour, World, create_service, launch, resources, update_service};
use plimsoll_core::command::{
    AssociatedProviders, AttributeTarget, CircuitBreakerUpdate, CreateTaskSet, RunTask, StartTask, StrategyChoice,
};
use plimsoll_core::{Command, CommandError, FailureReason, Output};
use plimsoll_model::{
    Attribute, CAPACITY_PROVIDER_ATTRIBUTE, CapacityProviderStrategyItem, ClientToken, FailureThreshold, HealthStatus,
    InstanceStatus, LaunchType, PlacementConstraint, PlacementStrategy, PortClaim, Protocol, RolloutState, Scale,
    SchedulingStrategy, ServiceName, SpreadField, Tags, ThresholdKind, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

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
    let mut world = World::new(harness::config());
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
    harness::silence::assert_silent(&mut world, script.lines().next().unwrap_or(""));
    lines.join("\n") + "\n"
}

/// Words, and `key=value` among them.
struct Words<'a> {
    words: Vec<&'a str>,
    options: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn parse(text: &'a str) -> Self {
        let mut words = Words { words: Vec::new(), options: BTreeMap::new() };
        for word in text.split_whitespace() {
            match word.split_once('=') {
                Some((key, value)) => {
                    words.options.insert(key, value);
                }
                None => words.words.push(word),
            }
        }
        words
    }

    fn option<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.options.get(key).map(|value| value.parse().unwrap_or_else(|_| panic!("{key}={value}")))
    }

    fn number(&self, key: &str, default: u32) -> u32 {
        self.option(key).unwrap_or(default)
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }
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
            let inputs = world.nodes.values_mut().filter_map(harness::FakeNode::take_all).collect();
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

fn command(world: &World, words: &Words<'_>, name: &str) -> Command {
    let service = || ServiceName::parse(name).unwrap();
    match words.words[0] {
        "create-cluster" => Command::CreateCluster(plimsoll_core::command::CreateCluster::default()),
        "delete-cluster" => Command::DeleteCluster,
        "associate" => Command::PutClusterCapacityProviders(AssociatedProviders {
            capacity_providers: words.words[1..].iter().map(|name| Arc::from(*name)).collect(),
            default_strategy: providers(words).unwrap_or_default(),
        }),
        "create" => {
            let definition = words.options.get("definition").map(|id| world.definition(id));
            assert_eq!(definition.is_none(), words.has("external"), "only task sets come without a definition");
            let mut request = create_service(name, definition, words.number("desired", 1));
            request.deployment_configuration.minimum_healthy_percent = words.number("min", 100);
            request.deployment_configuration.maximum_percent = words.number("max", 200);
            if let Some(update) = circuit_breaker(words) {
                let breaker = &mut request.deployment_configuration.circuit_breaker;
                *breaker = update.applied_to(*breaker);
            }
            request.echo = network(words);
            request.health_check_grace_period_seconds = words.number("grace", 0);
            request.availability_zone_rebalancing = words.has("rebalance");
            request.placement_constraints = constraints(words);
            request.placement_strategy = strategies(words);
            request.capacity_provider_strategy = choice(words);
            if words.has("daemon") {
                request.scheduling_strategy = SchedulingStrategy::Daemon;
                request.desired_count = words.number("desired", 0);
                request.deployment_configuration.minimum_healthy_percent = words.number("min", 0);
                request.deployment_configuration.maximum_percent = words.number("max", 100);
            }
            Command::CreateService(Box::new(request))
        }
        "update" => {
            let mut request = update_service(name);
            request.definition = words.options.get("definition").map(|id| world.definition(id));
            request.desired_count = words.option("desired");
            request.capacity_provider_strategy = providers(words);
            request.minimum_healthy_percent = words.option("min");
            request.maximum_percent = words.option("max");
            request.force_new_deployment = words.has("force");
            request.circuit_breaker = circuit_breaker(words);
            request.echo = network(words);
            request.placement_constraints =
                (words.options.contains_key("where") || words.has("anywhere")).then(|| constraints(words));
            Command::UpdateService(Box::new(request))
        }
        "stop-deployment" => {
            let deployment = world.labels.find_deployment(words.words[2]);
            Command::StopServiceDeployment { service: service(), deployment }
        }
        "delete" => Command::DeleteService { service: service(), force: words.has("force") },
        "set" => Command::CreateTaskSet(Box::new(CreateTaskSet {
            service: service(),
            definition: world.definition(words.options["definition"]),
            scale: scale(words),
            launch_type: LaunchType::Ec2,
            capacity_provider_strategy: choice(words),
            external_id: None,
            tags: Tags::new(),
            echo: serde_json::Map::new(),
            client_token: words.options.get("token").map(|token| ClientToken {
                operation: "CreateTaskSet".into(),
                token: (*token).into(),
                fingerprint: format!("{name} {}", words.options["definition"]).into(),
            }),
        })),
        "scale-set" => {
            let task_set = world.labels.find_deployment(words.words[2]);
            Command::UpdateTaskSet { service: service(), task_set, scale: scale(words) }
        }
        "primary" => {
            let task_set = world.labels.find_deployment(words.words[2]);
            Command::UpdateServicePrimaryTaskSet { service: service(), task_set }
        }
        "delete-set" => {
            let task_set = world.labels.find_deployment(words.words[2]);
            Command::DeleteTaskSet { service: service(), task_set, force: words.has("force") }
        }
        "run" => Command::RunTask(Box::new(RunTask {
            definition: world.definition(name),
            count: words.number("count", 1),
            launch: launch(),
            capacity_provider_strategy: choice(words),
            placement_constraints: constraints(words),
            placement_strategy: strategies(words),
            client_token: words.options.get("token").map(|token| ClientToken {
                operation: "RunTask".into(),
                token: (*token).into(),
                fingerprint: format!("{name} {}", words.number("count", 1)).into(),
            }),
        })),
        "start" => Command::StartTask(Box::new(StartTask {
            definition: world.definition(name),
            instances: words.words[2..].iter().map(|node| world.instance(node)).collect(),
            launch: launch(),
        })),
        "protect" | "unprotect" => Command::UpdateTaskProtection {
            tasks: words.words[1..].iter().map(|label| world.labels.find_task(label)).collect(),
            protect_ms: words.has("protect").then(|| u64::from(words.number("minutes", 120)) * 60_000),
        },
        "stop" => Command::StopTask { task: world.labels.find_task(name), reason: None },
        "drain" | "undrain" => Command::UpdateContainerInstancesState {
            instances: vec![world.instance(name)],
            status: if words.has("drain") { InstanceStatus::Draining } else { InstanceStatus::Active },
        },
        "attribute" => {
            let (name, value) = words.words[2].split_once(':').expect("name:value");
            let (instance, value) = (world.instance(words.words[1]), Some(value.into()));
            Command::PutAttributes(vec![AttributeTarget { instance, name: name.into(), value }])
        }
        "deregister" => {
            Command::DeregisterContainerInstance { instance: world.instance(name), force: words.has("force") }
        }
        other => panic!("no command {other}"),
    }
}

/// `breaker=off`, `breaker=on` or `breaker=rollback`; `threshold=5` is a count; `no-reset`.
fn circuit_breaker(words: &Words<'_>) -> Option<CircuitBreakerUpdate> {
    let mode = *words.options.get("breaker")?;
    assert!(["off", "on", "rollback"].contains(&mode), "breaker={mode}");
    Some(CircuitBreakerUpdate {
        enable: mode != "off",
        rollback: mode == "rollback",
        threshold: words.option("threshold").map(|value| FailureThreshold { kind: ThresholdKind::Count, value }),
        reset_on_healthy_task: words.has("no-reset").then_some(false),
    })
}

/// A deployment-level setting that a rollback brings back.
fn network(words: &Words<'_>) -> serde_json::Map<String, serde_json::Value> {
    let name = words.options.get("network").map(|name| ("networkConfiguration".to_owned(), (*name).into()));
    name.into_iter().collect()
}

/// In percent.
fn scale(words: &Words<'_>) -> Scale {
    Scale::from_thousandths(words.number("scale", 0) * 1_000).unwrap()
}

/// `providers=NAME:WEIGHT:BASE,...`; a base of 0 may be left out. `providers=` is an empty strategy.
fn providers(words: &Words<'_>) -> Option<Vec<CapacityProviderStrategyItem>> {
    let item = |text: &str| {
        let mut parts = text.split(':');
        let provider = parts.next().unwrap().into();
        let mut number = || parts.next().map_or(0, |number| number.parse().unwrap());
        CapacityProviderStrategyItem { provider, weight: number(), base: number() }
    };
    let given = words.options.get("providers")?;
    Some(given.split(',').filter(|text| !text.is_empty()).map(item).collect())
}

fn choice(words: &Words<'_>) -> StrategyChoice {
    match providers(words) {
        Some(strategy) => StrategyChoice::Given(strategy),
        None if words.has("ec2") => StrategyChoice::LaunchType,
        None => StrategyChoice::ClusterDefault,
    }
}

fn constraints(words: &Words<'_>) -> Vec<PlacementConstraint> {
    let distinct = words.has("distinct").then_some(PlacementConstraint::DistinctInstance);
    // Words end at spaces, which the language can do without except around some of its own words.
    let member_of = |text: &&str| PlacementConstraint::MemberOf(text.replace('_', " ").into());
    distinct.into_iter().chain(words.options.get("where").map(member_of)).collect()
}

fn strategies(words: &Words<'_>) -> Vec<PlacementStrategy> {
    match words.options.get("strategy").copied() {
        None => Vec::new(),
        Some("binpack") => vec![PlacementStrategy::BinpackMemory],
        Some("spread") => vec![PlacementStrategy::Spread(SpreadField::Instance)],
        Some(other) => panic!("no strategy {other}"),
    }
}

fn reply(world: &mut World, result: Result<Output, CommandError>) -> String {
    let output = match result {
        Ok(output) => output,
        Err(error) => return format!("error: {}", world.labels.readable(&error.to_string())),
    };
    let (tasks, failures) = match output {
        Output::TaskSet(row) => return world.labels.deployment(row.id),
        Output::Tasks { tasks, failures } => (tasks, failures),
        Output::Task(task) => (vec![task], Vec::new()),
        Output::Instances { failures, .. } => (Vec::new(), failures),
        Output::Protection { refused, .. } if !refused.is_empty() => {
            let refusal = |(task, why)| format!("{} {why:?}", world.labels.task(task));
            return refused.into_iter().map(refusal).collect::<Vec<_>>().join(", ");
        }
        Output::Cluster(_)
        | Output::Instance(_)
        | Output::Attributes(_)
        | Output::Service(_)
        | Output::Protection { .. }
        | Output::Acknowledged => {
            return "ok".to_owned();
        }
    };
    let mut words: Vec<String> = tasks.iter().map(|task| world.labels.task(task.id)).collect();
    for failure in failures {
        let instance = failure.instance.map_or("?".to_owned(), |id| world.labels.instance(id));
        let reason = match failure.reason {
            FailureReason::Missing => "MISSING",
            FailureReason::Inactive => "INACTIVE",
            FailureReason::Draining => "DRAINING",
            FailureReason::Placement(reason) => reason.as_str(),
        };
        words.push(format!("failure on {instance}: {reason}"));
    }
    if words.is_empty() { "ok".to_owned() } else { words.join(", ") }
}

/// What is remembered of a service's deployments, newest first.
fn history(world: &mut World, name: &str) {
    let name = ServiceName::parse(name).unwrap();
    let entries: Vec<_> = world.committed.service_deployments_of(&name).cloned().collect();
    for entry in entries {
        let breaker = entry.monitor(entry.configuration.circuit_breaker.enable).as_str();
        let mut line =
            format!("{} brought {}: {}, {breaker}", entry.id, entry.revision.definition, entry.status.as_str());
        if let Some(reason) = &entry.status_reason {
            line += &format!(" ({reason})");
        }
        let line = world.labels.readable(&line);
        world.trace.push(line);
    }
}

fn show(world: &mut World, name: &str) {
    let image = &world.committed;
    let name = ServiceName::parse(name).unwrap();
    let Some(service) = image.services.get(&name) else {
        return world.trace.push(format!("service {name} is gone"));
    };
    let counts = image.service_counts(&name);
    let mut places: Vec<String> = image
        .tasks_of_service(&name)
        .filter(|task| task.is_live())
        .map(|task| format!("{} on {}", task.definition, world.labels.instance(task.instance)))
        .collect();
    places.sort();
    let network = service.echo.get("networkConfiguration").map_or(String::new(), |name| format!(", network {name}"));
    world.trace.push(format!(
        "service {name}: {}, desired {}, running {}, pending {}{network}: {}",
        service.status.as_str(),
        service.desired_count,
        counts.running,
        counts.pending,
        if places.is_empty() { "nothing".to_owned() } else { places.join(", ") }
    ));
    let mut deployments: Vec<_> = image.deployments_of_service(&name).collect();
    deployments.sort_by_key(|row| row.created_at);
    for row in
        deployments.into_iter().filter(|row| row.rollout_state == RolloutState::Failed || row.rolling_back.is_some())
    {
        let (id, reason) = (row.id.to_string(), &row.rollout_state_reason);
        world.trace.push(world.labels.readable(&format!("{id} {}: {reason}", row.rollout_state.as_str())));
    }
    let next = world
        .core
        .next_wakeup()
        .map_or(0, |at| at.millis_since(Timestamp::ZERO).saturating_sub(world.now.millis_since(Timestamp::ZERO)));
    world.trace.push(format!("next wakeup in {} s", next / 1_000));
}
