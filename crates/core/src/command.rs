//! What the ECS API asks of a cluster, in typed form: the wire has been read, short names and ARNs resolved, task
//! definitions looked up. Anything that can still go wrong is a [`crate::CommandError`] or a [`Failure`].

use crate::explain::{Explain, Explained};
use plimsoll_model::{
    Attribute, CapacityProviderStrategyItem, CircuitBreaker, ClientToken, Cluster, Deployment, DeploymentConfiguration,
    DeploymentId, FailureThreshold, Instance, InstanceId, InstanceStatus, LaunchType, NetworkBinding,
    PlacementConstraint, PlacementStrategy, PropagateTags, Resources, Scale, SchedulingStrategy, ServiceName,
    TagChange, Tags, Task, TaskDefinition, TaskId, TaskOverrides, TaskStatus, Timestamp, VersionInfo,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

#[derive(Clone, PartialEq, Debug)]
pub enum Command {
    CreateCluster(CreateCluster),
    DeleteCluster,
    /// Members of [`Cluster::echo`] that were given; the others stay (CL-9).
    UpdateCluster {
        echo: Map<String, Value>,
    },
    ChangeTags {
        target: TagTarget,
        change: TagChange,
    },
    /// A definition has other tags than when this cluster came to know it.
    DefinitionTagged(Arc<TaskDefinition>),
    RegisterContainerInstance(Box<RegisterContainerInstance>),
    DeregisterContainerInstance {
        instance: InstanceId,
        force: bool,
    },
    UpdateContainerInstancesState {
        instances: Vec<InstanceId>,
        status: InstanceStatus,
    },
    PutAttributes(Vec<AttributeTarget>),
    PutClusterCapacityProviders(AssociatedProviders),
    DeleteAttributes(Vec<AttributeTarget>),
    CreateService(Box<CreateService>),
    UpdateService(Box<UpdateService>),
    /// `protect_ms` from now on; `None` ends the protection (PROT-1).
    UpdateTaskProtection {
        tasks: Vec<TaskId>,
        protect_ms: Option<u64>,
    },
    DeleteService {
        service: ServiceName,
        force: bool,
    },
    /// Rolls back, where there is something to go back to (DEP-53).
    StopServiceDeployment {
        service: ServiceName,
        deployment: DeploymentId,
    },
    CreateTaskSet(Box<CreateTaskSet>),
    UpdateTaskSet {
        service: ServiceName,
        task_set: DeploymentId,
        scale: Scale,
    },
    UpdateServicePrimaryTaskSet {
        service: ServiceName,
        task_set: DeploymentId,
    },
    DeleteTaskSet {
        service: ServiceName,
        task_set: DeploymentId,
        force: bool,
    },
    RunTask(Box<RunTask>),
    StartTask(Box<StartTask>),
    StopTask {
        task: TaskId,
        reason: Option<Arc<str>>,
    },
    /// Changes nothing; takes time in proportion to the instances, as a refusal does.
    Explain(Box<Explain>),
    SubmitTaskStateChange(Box<SubmitTaskStateChange>),
    SubmitContainerStateChange(Box<SubmitContainerStateChange>),
}

impl Command {
    /// The service a command is about, if it is about one.
    pub fn service(&self) -> Option<&ServiceName> {
        match self {
            Command::CreateService(create) => Some(&create.name),
            Command::UpdateService(update) => Some(&update.service),
            Command::CreateTaskSet(create) => Some(&create.service),
            Command::DeleteService { service, .. }
            | Command::StopServiceDeployment { service, .. }
            | Command::UpdateTaskSet { service, .. }
            | Command::UpdateServicePrimaryTaskSet { service, .. }
            | Command::DeleteTaskSet { service, .. } => Some(service),
            Command::ChangeTags { target: TagTarget::Service(service), .. } => Some(service),
            Command::ChangeTags { .. }
            | Command::CreateCluster(_)
            | Command::UpdateCluster { .. }
            | Command::DefinitionTagged(_)
            | Command::DeleteCluster
            | Command::RegisterContainerInstance(_)
            | Command::DeregisterContainerInstance { .. }
            | Command::UpdateContainerInstancesState { .. }
            | Command::PutAttributes(_)
            | Command::PutClusterCapacityProviders(_)
            | Command::DeleteAttributes(_)
            | Command::UpdateTaskProtection { .. }
            | Command::RunTask(_)
            | Command::StartTask(_)
            | Command::StopTask { .. }
            | Command::Explain(_)
            | Command::SubmitTaskStateChange(_)
            | Command::SubmitContainerStateChange(_) => None,
        }
    }
}

/// Of an ACTIVE name: returns the cluster unchanged. Of an INACTIVE one: revives it, empty (CL-2).
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CreateCluster {
    pub tags: Tags,
    pub capacity: AssociatedProviders,
    /// See [`Cluster::echo`].
    pub echo: Map<String, Value>,
}

/// The capacity providers of a cluster. All of them exist, and the strategy names no others (CL-11).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AssociatedProviders {
    pub capacity_providers: Vec<Arc<str>>,
    pub default_strategy: Vec<CapacityProviderStrategyItem>,
}

/// What a request says about capacity besides its launch type (RUN-2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StrategyChoice {
    /// The launch type says it all.
    LaunchType,
    /// Well-formed by itself (SVC-55), and not empty.
    Given(Vec<CapacityProviderStrategyItem>),
    /// Nothing was said: the cluster's default strategy, and the launch type where it has none.
    ClusterDefault,
}

/// Also what an agent's hello becomes. Creates the cluster `default` when it is missing (CL-3).
#[derive(Clone, PartialEq, Debug)]
pub struct RegisterContainerInstance {
    /// The identity of an earlier registration, if there was one (CI-3).
    pub instance: Option<InstanceId>,
    pub resources: Resources,
    /// As the agent supplies them: all have `custom: false`.
    pub attributes: BTreeMap<Arc<str>, Attribute>,
    pub version_info: VersionInfo,
    /// From the identity document; chosen by the core when absent (CI-2).
    pub ec2_instance_id: Option<Arc<str>>,
    pub tags: Tags,
}

/// What tags are changed of (TAG-2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TagTarget {
    Cluster,
    Service(ServiceName),
    Task(TaskId),
    Instance(InstanceId),
}

#[derive(Clone, PartialEq, Debug)]
pub struct AttributeTarget {
    pub instance: InstanceId,
    pub name: Arc<str>,
    /// Ignored on deletion (ATTR-4).
    pub value: Option<Arc<str>>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct CreateService {
    pub name: ServiceName,
    /// None leaves it to task sets: the service gets an EXTERNAL deployment controller (SVC-2).
    pub definition: Option<Arc<TaskDefinition>>,
    pub desired_count: u32,
    pub launch_type: LaunchType,
    pub capacity_provider_strategy: StrategyChoice,
    pub scheduling_strategy: SchedulingStrategy,
    pub deployment_configuration: DeploymentConfiguration,
    pub placement_constraints: Vec<PlacementConstraint>,
    pub placement_strategy: Vec<PlacementStrategy>,
    pub health_check_grace_period_seconds: u32,
    pub availability_zone_rebalancing: bool,
    pub propagate_tags: PropagateTags,
    pub enable_ecs_managed_tags: bool,
    pub enable_execute_command: bool,
    pub created_by: Arc<str>,
    pub tags: Tags,
    /// See [`plimsoll_model::Service::echo`].
    pub echo: Map<String, Value>,
    pub client_token: Option<ClientToken>,
}

/// Absent means unchanged; an empty list clears (SVC-12).
#[derive(Clone, PartialEq, Debug)]
pub struct UpdateService {
    pub service: ServiceName,
    pub definition: Option<Arc<TaskDefinition>>,
    pub desired_count: Option<u32>,
    /// Another one than before needs `force_new_deployment` (SVC-13); an empty one goes back to launch type EC2.
    pub capacity_provider_strategy: Option<Vec<CapacityProviderStrategyItem>>,
    pub maximum_percent: Option<u32>,
    pub minimum_healthy_percent: Option<u32>,
    pub circuit_breaker: Option<CircuitBreakerUpdate>,
    pub placement_constraints: Option<Vec<PlacementConstraint>>,
    pub placement_strategy: Option<Vec<PlacementStrategy>>,
    pub health_check_grace_period_seconds: Option<u32>,
    pub availability_zone_rebalancing: Option<bool>,
    pub propagate_tags: Option<PropagateTags>,
    pub enable_ecs_managed_tags: Option<bool>,
    pub enable_execute_command: Option<bool>,
    pub force_new_deployment: bool,
    /// Echoed members that were sent, by name; `Value::Null` removes one. A changed `networkConfiguration`,
    /// `platformVersion`, `loadBalancers`, `serviceRegistries`, `serviceConnectConfiguration` or
    /// `volumeConfigurations` starts a deployment (SVC-13).
    pub echo: Map<String, Value>,
}

impl UpdateService {
    /// One that changes nothing.
    pub fn unchanged(service: ServiceName) -> Self {
        UpdateService {
            service,
            definition: None,
            desired_count: None,
            capacity_provider_strategy: None,
            maximum_percent: None,
            minimum_healthy_percent: None,
            circuit_breaker: None,
            placement_constraints: None,
            placement_strategy: None,
            health_check_grace_period_seconds: None,
            availability_zone_rebalancing: None,
            propagate_tags: None,
            enable_ecs_managed_tags: None,
            enable_execute_command: None,
            force_new_deployment: false,
            echo: Map::new(),
        }
    }
}

/// Both switches come together; what is absent beside them stays.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CircuitBreakerUpdate {
    pub enable: bool,
    pub rollback: bool,
    pub threshold: Option<FailureThreshold>,
    pub reset_on_healthy_task: Option<bool>,
}

impl CircuitBreakerUpdate {
    #[must_use]
    pub fn applied_to(self, before: CircuitBreaker) -> CircuitBreaker {
        CircuitBreaker {
            enable: self.enable,
            rollback: self.rollback,
            threshold: self.threshold.unwrap_or(before.threshold),
            reset_on_healthy_task: self.reset_on_healthy_task.unwrap_or(before.reset_on_healthy_task),
        }
    }
}

#[derive(Clone, PartialEq, Debug)]
pub struct CreateTaskSet {
    pub service: ServiceName,
    pub definition: Arc<TaskDefinition>,
    pub scale: Scale,
    pub launch_type: LaunchType,
    pub capacity_provider_strategy: StrategyChoice,
    pub external_id: Option<Arc<str>>,
    pub tags: Tags,
    /// See [`plimsoll_model::TaskSet::echo`].
    pub echo: Map<String, Value>,
    pub client_token: Option<ClientToken>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct RunTask {
    pub definition: Arc<TaskDefinition>,
    /// 1 to 10 (RUN-1).
    pub count: u32,
    pub launch: TaskLaunch,
    pub capacity_provider_strategy: StrategyChoice,
    /// Capacity providers that are scaled to what is asked of them: a task that finds no instance of one waits for one
    /// (RUN-12). No provider is a row of the cluster, so the request brings along what it has to know of them.
    pub scaled_providers: BTreeSet<Arc<str>>,
    pub placement_constraints: Vec<PlacementConstraint>,
    pub placement_strategy: Vec<PlacementStrategy>,
    pub client_token: Option<ClientToken>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct StartTask {
    pub definition: Arc<TaskDefinition>,
    /// Well-formed ids, in request order; unknown ones become failures.
    pub instances: Vec<InstanceId>,
    pub launch: TaskLaunch,
}

/// What RunTask and StartTask say about each task they start.
#[derive(Clone, PartialEq, Debug)]
pub struct TaskLaunch {
    pub launch_type: LaunchType,
    /// `family:<family>` when absent (RUN-5).
    pub group: Option<Arc<str>>,
    pub started_by: Option<Arc<str>>,
    pub overrides: Option<Arc<TaskOverrides>>,
    pub enable_execute_command: bool,
    /// Own tags and propagated ones, already merged (TAG-4).
    pub tags: Tags,
}

/// Over the API instead of an agent's stream (OP-5); backwards transitions are acknowledged and ignored.
#[derive(Clone, PartialEq, Debug)]
pub struct SubmitTaskStateChange {
    pub task: TaskId,
    pub status: Option<TaskStatus>,
    pub reason: Option<Arc<str>>,
    pub containers: Vec<ContainerStateChange>,
    pub pull_started_at: Option<Timestamp>,
    pub pull_stopped_at: Option<Timestamp>,
    pub execution_stopped_at: Option<Timestamp>,
}

#[derive(Clone, PartialEq, Debug)]
pub struct SubmitContainerStateChange {
    pub task: TaskId,
    pub container: ContainerStateChange,
}

#[derive(Clone, PartialEq, Debug)]
pub struct ContainerStateChange {
    pub name: Arc<str>,
    pub status: Option<TaskStatus>,
    pub exit_code: Option<i32>,
    pub reason: Option<Arc<str>>,
    pub runtime_id: Option<Arc<str>>,
    pub image_digest: Option<Arc<str>>,
    pub bindings: Vec<NetworkBinding>,
}

/// What a command led to. Rows are as they stood when the command was stepped.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    Cluster(Arc<Cluster>),
    Instance(Arc<Instance>),
    Instances {
        instances: Vec<Arc<Instance>>,
        failures: Vec<Failure>,
    },
    Attributes(Vec<AttributeTarget>),
    /// Describe it from the committed image: its counts and deployments are there.
    Service(ServiceName),
    TaskSet(Arc<Deployment>),
    Task(Arc<Task>),
    Tasks {
        tasks: Vec<Arc<Task>>,
        failures: Vec<Failure>,
    },
    /// Tasks whose protection was set or ended, and those it could not be set for (PROT-2).
    Protection {
        tasks: Vec<Arc<Task>>,
        refused: Vec<(TaskId, ProtectionRefusal)>,
    },
    Explained(Box<Explained>),
    Acknowledged,
}

/// Why the protection of a task was not changed (PROT-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ProtectionRefusal {
    Missing,
    /// It is no service's task, or it is stopping.
    TaskNotValid,
    /// As many tasks of the service are protected as are desired.
    DeploymentBlocked,
}

/// One entry of `failures[]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    pub instance: Option<InstanceId>,
    pub reason: FailureReason,
    pub detail: Option<Arc<str>>,
}

/// Why an instance did not take a task (RUN-9), or could not be acted on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FailureReason {
    Missing,
    Inactive,
    Draining,
    Placement(plimsoll_placement::Reason),
}
