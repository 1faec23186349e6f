//! Rows to write: with everything set, and with nothing set that need not be.

use crate::{Lease, Store};
use plimsoll_model::{
    Attribute, CapacityProvider, CapacityProviderStrategyItem, Change, CircuitBreaker, ClientToken, Cluster,
    ClusterKey, ClusterName, ClusterStatus, Container, ContainerOverride, Deployment, DeploymentConfiguration,
    DeploymentController, DeploymentId, DeploymentSettings, DeploymentStatus, DesiredStatus, FailureThreshold, Family,
    HealthStatus, Instance, InstanceId, InstanceStatus, LaunchType, Namespace, NetworkBinding, PlacementConstraint,
    PlacementStrategy, PortClaim, PropagateTags, Protocol, Rebalancing, Reserved, Resources, RollingBack, RolloutState,
    Said, Scale, SchedulingStrategy, Service, ServiceEvent, ServiceName, ServiceStatus, SpreadField, StabilityStatus,
    StopCode, Tags, Task, TaskDefinition, TaskDefinitionId, TaskId, TaskOverrides, TaskSet, TaskStatus, ThresholdKind,
    Timestamp, TokenRecord, TokenResult, Usage, VersionInfo, Waiting,
};
use plimsoll_model::{Rollback, ServiceDeployment, ServiceDeploymentStatus, ServiceRevision};
use serde_json::json;
use std::sync::Arc;

pub const CAPACITY: Usage = Usage { cpu_units: 100_000, memory_mib: 1_000_000 };

pub fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + millis)
}

pub fn namespace(account: &str) -> Namespace {
    Namespace { account: account.into(), region: "eu-north-1".into() }
}

pub fn key(name: &str) -> ClusterKey {
    let name = ClusterName::parse(name).expect("a valid name");
    ClusterKey { namespace: namespace("123456789012"), name }
}

pub fn service_name(name: &str) -> ServiceName {
    ServiceName::parse(name).expect("a valid name")
}

pub fn family(name: &str) -> Family {
    Family::parse(name).expect("a valid name")
}

fn tags() -> Tags {
    [("team".into(), "çà".into()), ("empty".into(), "".into()), ("quote\"\\".into(), "'\n\u{1F6A2}".into())].into()
}

fn echo() -> serde_json::Map<String, serde_json::Value> {
    let value = json!({"settings": [{"name": "containerInsights", "value": null}], "deep": {"n": [1, -2.5, 9007199254740993_i64]}});
    value.as_object().expect("an object").clone()
}

pub fn bare_cluster(key: &ClusterKey) -> Cluster {
    Cluster {
        key: key.clone(),
        status: ClusterStatus::Active,
        created_at: at(0),
        deleted_at: None,
        tags: Tags::new(),
        capacity_providers: Vec::new(),
        default_capacity_provider_strategy: Vec::new(),
        echo: serde_json::Map::new(),
    }
}

pub fn full_cluster(key: &ClusterKey) -> Cluster {
    Cluster {
        status: ClusterStatus::Inactive,
        deleted_at: Some(at(5)),
        tags: tags(),
        capacity_providers: vec!["racks".into(), "FARGATE".into()],
        default_capacity_provider_strategy: strategy(),
        echo: echo(),
        ..bare_cluster(key)
    }
}

fn strategy() -> Vec<CapacityProviderStrategyItem> {
    let item = |provider: &str, weight, base| CapacityProviderStrategyItem { provider: provider.into(), weight, base };
    vec![item("racks", 1_000, 100_000), item("FARGATE", 0, 0)]
}

pub fn capacity_provider(name: &str) -> CapacityProvider {
    CapacityProvider {
        name: name.into(),
        version: 1,
        created_at: at(20),
        update: None,
        auto_scaling_group: json!({"autoScalingGroupArn": "çà", "managedScaling": {"targetCapacity": 100}}),
        tags: tags(),
    }
}

pub fn bare_instance(id: u128) -> Instance {
    Instance {
        id: InstanceId::from_u128(id),
        status: InstanceStatus::Active,
        agent_connected: false,
        lost: false,
        base_version: 0,
        registered: Resources {
            cpu_units: CAPACITY.cpu_units as u32,
            memory_mib: CAPACITY.memory_mib as u32,
            ..Resources::default()
        },
        attributes: [].into(),
        version_info: VersionInfo::default(),
        ec2_instance_id: "".into(),
        registered_at: at(1),
        deregistered_at: None,
        tags: Tags::new(),
    }
}

pub fn full_instance(id: u128) -> Instance {
    let mut instance = bare_instance(id);
    instance.status = InstanceStatus::Inactive;
    instance.agent_connected = true;
    instance.lost = true;
    instance.base_version = u64::from(u32::MAX) + 1;
    instance.registered.reserved_ports = [tcp(22), udp(53)].into();
    instance.registered.gpus = ["GPU-0".into(), "GPU-1".into()].into();
    instance.registered.others = [("PORTS_X".into(), -4)].into();
    instance.attributes = [
        ("ecs.os-type".into(), Attribute { value: Some("linux".into()), custom: false }),
        ("name-only".into(), Attribute { value: None, custom: true }),
    ]
    .into();
    instance.version_info = VersionInfo {
        agent_version: Some("1.99.0".into()),
        agent_hash: Some("abc".into()),
        docker_version: Some("DockerVersion: 20.10".into()),
    };
    instance.ec2_instance_id = "i-0123".into();
    instance.deregistered_at = Some(at(9));
    instance.tags = tags();
    instance
}

pub fn bare_service(name: &str, definition: &TaskDefinitionId) -> Service {
    Service {
        name: service_name(name),
        status: ServiceStatus::Active,
        desired_count: 0,
        definition: Some(definition.clone()),
        controller: DeploymentController::Ecs,
        launch_type: LaunchType::Ec2,
        capacity_provider_strategy: Vec::new(),
        scheduling_strategy: SchedulingStrategy::Replica,
        deployment_configuration: DeploymentConfiguration {
            maximum_percent: 200,
            minimum_healthy_percent: 100,
            circuit_breaker: CircuitBreaker::off(),
        },
        placement_constraints: Vec::new(),
        placement_strategy: Vec::new(),
        health_check_grace_period_seconds: 0,
        availability_zone_rebalancing: true,
        rebalancing: Some(Rebalancing::Started(TaskId::from_u128(7))),
        propagate_tags: PropagateTags::None,
        enable_ecs_managed_tags: false,
        enable_execute_command: false,
        created_at: at(2),
        created_by: "".into(),
        inactive_at: None,
        next_event_sequence: 0,
        said: Vec::new(),
        tags: Tags::new(),
        echo: serde_json::Map::new(),
    }
}

pub fn full_service(name: &str, definition: &TaskDefinitionId) -> Service {
    Service {
        status: ServiceStatus::Inactive,
        desired_count: u32::MAX,
        controller: DeploymentController::External,
        launch_type: LaunchType::External,
        capacity_provider_strategy: strategy(),
        scheduling_strategy: SchedulingStrategy::Daemon,
        placement_constraints: vec![
            PlacementConstraint::DistinctInstance,
            PlacementConstraint::MemberOf("attribute:a == b".into()),
        ],
        placement_strategy: vec![
            PlacementStrategy::Spread(SpreadField::Attribute("zone".into())),
            PlacementStrategy::Spread(SpreadField::Instance),
            PlacementStrategy::BinpackCpu,
            PlacementStrategy::BinpackMemory,
            PlacementStrategy::Random,
        ],
        propagate_tags: PropagateTags::TaskDefinition,
        enable_ecs_managed_tags: true,
        enable_execute_command: true,
        created_by: "arn:aws:iam::1:user/x".into(),
        inactive_at: Some(at(77)),
        deployment_configuration: DeploymentConfiguration {
            maximum_percent: u32::MAX,
            minimum_healthy_percent: 0,
            circuit_breaker: CircuitBreaker {
                enable: true,
                rollback: true,
                threshold: FailureThreshold { kind: ThresholdKind::Count, value: u32::MAX },
                reset_on_healthy_task: false,
            },
        },
        next_event_sequence: 1 << 40,
        said: vec![Said { cause: "no \u{1F6A2}".into(), at: at(4) }],
        tags: tags(),
        echo: echo(),
        ..bare_service(name, definition)
    }
}

pub fn bare_deployment(id: u64, service: &str, definition: &TaskDefinitionId) -> Deployment {
    Deployment {
        id: DeploymentId::from_u64(id),
        service: service_name(service),
        status: DeploymentStatus::Primary,
        definition: definition.clone(),
        settings: None,
        desired_count: 0,
        rollout_state: RolloutState::InProgress,
        rollout_state_reason: "".into(),
        completed_at: None,
        rolling_back: None,
        failed_tasks: 0,
        has_run: false,
        consecutive_start_failures: 0,
        next_start_at: None,
        next_round_at: None,
        created_at: at(3),
        updated_at: at(3),
        task_set: None,
    }
}

pub fn full_deployment(id: u64, service: &str, definition: &TaskDefinitionId) -> Deployment {
    Deployment {
        status: DeploymentStatus::Inactive,
        settings: Some(Arc::new(DeploymentSettings {
            launch_type: LaunchType::External,
            capacity_provider_strategy: strategy(),
            echo: echo(),
        })),
        desired_count: 7,
        completed_at: Some(at(5)),
        rolling_back: Some(RollingBack { from: DeploymentId::from_u64(u64::MAX >> 1), started_at: at(6) }),
        has_run: true,
        next_round_at: Some(at(1001)),
        rollout_state: RolloutState::Failed,
        rollout_state_reason: "ECS deployment circuit breaker".into(),
        failed_tasks: 3,
        consecutive_start_failures: 4,
        next_start_at: Some(at(1000)),
        updated_at: at(6),
        task_set: Some(TaskSet {
            external_id: Some("blue".into()),
            scale: Scale::FULL,
            launch_type: LaunchType::External,
            capacity_provider_strategy: strategy(),
            stability: StabilityStatus::SteadyState,
            stability_at: at(7),
            tags: tags(),
            echo: echo(),
        }),
        ..bare_deployment(id, service, definition)
    }
}

pub fn bare_service_deployment(id: u64, service: &str, definition: &TaskDefinitionId) -> ServiceDeployment {
    ServiceDeployment {
        id: DeploymentId::from_u64(id),
        service: service_name(service),
        revision: ServiceRevision {
            definition: definition.clone(),
            settings: Arc::new(DeploymentSettings {
                launch_type: LaunchType::Ec2,
                capacity_provider_strategy: Vec::new(),
                echo: serde_json::Map::new(),
            }),
            images: Vec::new(),
        },
        sources: Vec::new(),
        status: ServiceDeploymentStatus::Pending,
        status_reason: None,
        created_at: at(3),
        started_at: None,
        finished_at: None,
        stopped_at: None,
        updated_at: at(3),
        configuration: bare_service(service, definition).deployment_configuration,
        failed_tasks: 0,
        threshold: 0,
        triggered: false,
        rollback: None,
    }
}

pub fn full_service_deployment(id: u64, service: &str, definition: &TaskDefinitionId) -> ServiceDeployment {
    ServiceDeployment {
        revision: ServiceRevision {
            definition: definition.clone(),
            settings: Arc::new(DeploymentSettings {
                launch_type: LaunchType::Fargate,
                capacity_provider_strategy: strategy(),
                echo: echo(),
            }),
            images: vec![("app".into(), "busybox@sha256:\u{1F6A2}".into()), ("side".into(), "".into())],
        },
        sources: vec![DeploymentId::from_u64(u64::MAX >> 2), DeploymentId::from_u64(0)],
        status: ServiceDeploymentStatus::RollbackFailed,
        status_reason: Some("'why'".into()),
        started_at: Some(at(4)),
        finished_at: Some(at(5)),
        stopped_at: Some(at(6)),
        updated_at: at(7),
        configuration: full_service(service, definition).deployment_configuration,
        failed_tasks: 4,
        threshold: u32::MAX,
        triggered: true,
        rollback: Some(Rollback { reason: "\"".into(), started_at: at(5), target: DeploymentId::from_u64(9) }),
        ..bare_service_deployment(id, service, definition)
    }
}

pub fn bare_task(id: u128, instance: u128, definition: &TaskDefinitionId) -> Task {
    Task {
        id: TaskId::from_u128(id),
        instance: Some(InstanceId::from_u128(instance)),
        waiting: None,
        definition: definition.clone(),
        service: None,
        deployment: None,
        group: "family:web".into(),
        started_by: None,
        launch_type: LaunchType::Ec2,
        capacity_provider: None,
        reserved: Reserved { cpu_units: 10, memory_mib: 20, ports: Vec::new(), gpus: Vec::new() },
        overrides: None,
        enable_execute_command: false,
        created_at: at(4),
        version: 1,
        desired_status: DesiredStatus::Running,
        last_status: TaskStatus::Pending,
        health: HealthStatus::Unknown,
        stop_code: None,
        stopped_reason: None,
        pull_started_at: None,
        pull_stopped_at: None,
        started_at: None,
        stopping_at: None,
        execution_stopped_at: None,
        stopped_at: None,
        protected_until: None,
        containers: Vec::new(),
        tags: Tags::new(),
    }
}

pub fn full_task(id: u128, instance: u128, definition: &TaskDefinitionId) -> Task {
    let mut task = bare_task(id, instance, definition);
    task.service = Some(service_name("web"));
    task.deployment = Some(DeploymentId::from_random(u64::MAX));
    task.group = "service:web".into();
    task.started_by = Some("ecs-svc/1 \"quoted\"".into());
    task.capacity_provider = Some("racks".into());
    task.reserved.ports = vec![tcp(8080), udp(8080)];
    task.reserved.gpus = vec!["GPU-1".into()];
    task.overrides = Some(Arc::new(full_overrides()));
    task.enable_execute_command = true;
    task.containers = vec![Container::pending("sidecar".into()), full_container()];
    task.tags = tags();
    full_ending(&mut task);
    task
}

/// One that has no instance yet.
pub fn waiting_task(id: u128, definition: &TaskDefinitionId) -> Task {
    Task {
        instance: None,
        waiting: Some(Arc::new(Waiting {
            placement_constraints: vec![
                PlacementConstraint::DistinctInstance,
                PlacementConstraint::MemberOf("attribute:rack == \"é\"".into()),
            ],
            placement_strategy: vec![PlacementStrategy::Spread(SpreadField::Instance), PlacementStrategy::Random],
        })),
        reserved: Reserved::default(),
        capacity_provider: Some("racks".into()),
        overrides: Some(Arc::new(full_overrides())),
        last_status: TaskStatus::Provisioning,
        containers: vec![Container::pending("main".into())],
        ..bare_task(id, 0, definition)
    }
}

/// Gives it what [`bare_task`] holds on an instance, and a port and a GPU beside that.
pub fn place(task: &mut Task, instance: u128) -> [Change; 2] {
    let held = bare_task(0, instance, &task.definition);
    task.instance = held.instance;
    task.waiting = None;
    task.reserved = Reserved { ports: vec![tcp(8080)], gpus: vec!["GPU-1".into()], ..held.reserved };
    task.last_status = TaskStatus::Pending;
    task.containers[0].gpus = task.reserved.gpus.clone();
    task.version += 1;
    [updated(task), Change::TaskPlaced(task.id)]
}

/// Everything that can still be set after placement.
pub fn full_ending(task: &mut Task) {
    task.version += 41;
    task.desired_status = DesiredStatus::Stopped;
    task.last_status = TaskStatus::Deprovisioning;
    task.health = HealthStatus::Unhealthy;
    task.stop_code = Some(StopCode::EssentialContainerExited);
    task.stopped_reason = Some("Essential container in task exited\n\t\"é\"".into());
    task.pull_started_at = Some(at(10));
    task.pull_stopped_at = Some(at(11));
    task.started_at = Some(at(12));
    task.stopping_at = Some(at(13));
    task.execution_stopped_at = Some(at(14));
    task.stopped_at = Some(at(15));
    task.protected_until = Some(at(16));
    task.containers = vec![full_container()];
    task.tags = tags();
}

fn full_container() -> Container {
    Container {
        last_status: TaskStatus::Stopped,
        health: HealthStatus::Healthy,
        exit_code: Some(-1),
        reason: Some("OutOfMemoryError: Container killed due to memory usage".into()),
        runtime_id: Some("0123abcd".into()),
        image_digest: Some("sha256:00".into()),
        bindings: vec![NetworkBinding {
            bind_ip: "0.0.0.0".into(),
            container_port: 80,
            host_port: 32768,
            protocol: Protocol::Udp,
        }],
        gpus: vec!["GPU-1".into()],
        ..Container::pending("main".into())
    }
}

fn full_overrides() -> TaskOverrides {
    TaskOverrides {
        cpu_units: Some(1),
        memory_mib: Some(2),
        containers: vec![ContainerOverride {
            name: "main".into(),
            command: Some(vec!["sh".into(), "-c".into(), "".into()]),
            environment: [("A".into(), "".into())].into(),
            cpu_units: Some(3),
            memory_mib: Some(4),
            memory_reservation_mib: Some(5),
            gpus: Some(0),
        }],
        document: json!({"containerOverrides": [{"name": "main", "unknown": [true, null]}]}),
    }
}

pub fn event(service: &str, sequence: u64, message: &str) -> ServiceEvent {
    let id = u128::MAX - u128::from(sequence);
    ServiceEvent { service: service_name(service), sequence, id, created_at: at(8), message: message.into() }
}

pub fn token(operation: &str, token: &str, result: TokenResult) -> TokenRecord {
    let token = ClientToken { operation: operation.into(), token: token.into(), fingerprint: "f00d".into() };
    TokenRecord { token, created_at: at(16), result }
}

pub fn tcp(port: u16) -> PortClaim {
    PortClaim { protocol: Protocol::Tcp, port }
}

pub fn udp(port: u16) -> PortClaim {
    PortClaim { protocol: Protocol::Udp, port }
}

pub fn definition(name: &str) -> TaskDefinition {
    let document = json!({
        "family": name,
        "containerDefinitions": [{"name": "main", "image": "busybox", "memory": 64, "environment": []}],
        "volumes": [], "unknownMember": {"kept": [1, 2.5, null]},
    });
    let id = TaskDefinitionId { family: family(name), revision: 0 };
    let mut definition = TaskDefinition::from_document(id, Arc::new(document)).expect("a valid document");
    definition.registered_at = at(0);
    definition.registered_by = "arn:aws:iam::1:root".into();
    definition.tags = tags();
    definition.requires_attributes = vec!["com.amazonaws.ecs.capability.docker-remote-api.1.18".into()];
    definition.compatibilities = vec![LaunchType::External, LaunchType::Ec2];
    definition
}

pub(crate) async fn registered(store: &dyn Store, lease: &Lease, name: &str) -> Arc<TaskDefinition> {
    let namespace = &lease.cluster.namespace;
    store.register_task_definition(namespace, definition(name)).await.expect("the definition is registered")
}

/// An instance that can take the tasks of these tests, with nothing on it.
pub fn empty_instance(id: u128) -> [Change; 2] {
    [Change::Instance(Arc::new(bare_instance(id))), used(id, 0)]
}

/// The use of an instance by as many tasks like [`bare_task`].
pub fn used(instance: u128, tasks: u64) -> Change {
    Change::Usage(InstanceId::from_u128(instance), Usage { cpu_units: 10 * tasks, memory_mib: 20 * tasks })
}

pub fn created(task: &Task) -> Change {
    Change::TaskCreated(Arc::new(task.clone()))
}

pub fn updated(task: &Task) -> Change {
    Change::TaskUpdated(Arc::new(task.clone()))
}

pub fn stop(task: &mut Task) {
    task.desired_status = DesiredStatus::Stopped;
    task.last_status = TaskStatus::Stopped;
    task.version += 1;
}
