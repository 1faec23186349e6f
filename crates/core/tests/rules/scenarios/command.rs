//! From a script line to the command it stands for.

use super::words::{Words, choice, circuit_breaker, constraints, network, providers, scale, strategies};
use crate::harness::{World, create_service, launch, update_service};
use plimsoll_core::Command;
use plimsoll_core::command::{AssociatedProviders, AttributeTarget, CreateTaskSet, RunTask, StartTask};
use plimsoll_model::{ClientToken, InstanceStatus, LaunchType, SchedulingStrategy, ServiceName, Tags};
use std::collections::BTreeSet;
use std::sync::Arc;

pub fn command(world: &World, words: &Words<'_>, name: &str) -> Command {
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
            scaled_providers: words
                .options
                .get("scaled")
                .map_or_else(BTreeSet::new, |names| names.split(',').map(Arc::from).collect()),
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
