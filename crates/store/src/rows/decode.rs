//! From columns to rows, and from all rows of a cluster to its image.

use super::intern::Interner;
use crate::error::{BoxError, Error};
use plimsoll_model::{
    Change, ClientToken, Cluster, Deployment, DeploymentId, DesiredStatus, Family, HealthStatus, IdError, Image,
    Instance, InstanceId, LaunchType, Reserved, Service, ServiceDeployment, ServiceEvent, StopCode, Task,
    TaskDefinition, TaskDefinitionId, TaskDefinitionStatus, TaskId, TaskStatus, Timestamp, TokenRecord, Usage,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A task as a database gives it: see [`super::TASK_COLUMNS`].
pub(crate) struct TaskRow<'r> {
    pub id: TaskId,
    pub instance: InstanceId,
    pub family: &'r str,
    pub revision: i64,
    pub service: Option<&'r str>,
    pub deployment: Option<i64>,
    pub task_group: &'r str,
    pub started_by: Option<&'r str>,
    pub launch_type: &'r str,
    pub cpu_units: i64,
    pub memory_mib: i64,
    pub ports: Option<&'r str>,
    pub gpus: Option<&'r str>,
    pub overrides: Option<&'r str>,
    pub enable_execute_command: bool,
    pub created_at: i64,
    pub version: i64,
    pub desired_status: &'r str,
    pub last_status: &'r str,
    pub health: &'r str,
    pub stop_code: Option<&'r str>,
    pub stopped_reason: Option<&'r str>,
    pub pull_started_at: Option<i64>,
    pub pull_stopped_at: Option<i64>,
    pub started_at: Option<i64>,
    pub stopping_at: Option<i64>,
    pub execution_stopped_at: Option<i64>,
    pub stopped_at: Option<i64>,
    pub containers: &'r str,
    pub tags: Option<&'r str>,
    pub protected_until: Option<i64>,
    pub capacity_provider: Option<&'r str>,
    /// There as long as the task has no instance.
    pub waiting: Option<&'r str>,
}

/// Fills a [`TaskRow`] from the row of either driver, whose types have no useful trait in common.
macro_rules! read_task {
    ($row:expr, $id:expr, $instance:expr) => {
        $crate::rows::TaskRow {
            id: $id,
            instance: $instance,
            family: $row.try_get_unchecked(2)?,
            revision: $row.try_get_unchecked(3)?,
            service: $row.try_get_unchecked(4)?,
            deployment: $row.try_get_unchecked(5)?,
            task_group: $row.try_get_unchecked(6)?,
            started_by: $row.try_get_unchecked(7)?,
            launch_type: $row.try_get_unchecked(8)?,
            cpu_units: $row.try_get_unchecked(9)?,
            memory_mib: $row.try_get_unchecked(10)?,
            ports: $row.try_get_unchecked(11)?,
            gpus: $row.try_get_unchecked(12)?,
            overrides: $row.try_get_unchecked(13)?,
            enable_execute_command: $row.try_get_unchecked(14)?,
            created_at: $row.try_get_unchecked(15)?,
            version: $row.try_get_unchecked(16)?,
            desired_status: $row.try_get_unchecked(17)?,
            last_status: $row.try_get_unchecked(18)?,
            health: $row.try_get_unchecked(19)?,
            stop_code: $row.try_get_unchecked(20)?,
            stopped_reason: $row.try_get_unchecked(21)?,
            pull_started_at: $row.try_get_unchecked(22)?,
            pull_stopped_at: $row.try_get_unchecked(23)?,
            started_at: $row.try_get_unchecked(24)?,
            stopping_at: $row.try_get_unchecked(25)?,
            execution_stopped_at: $row.try_get_unchecked(26)?,
            stopped_at: $row.try_get_unchecked(27)?,
            containers: $row.try_get_unchecked(28)?,
            tags: $row.try_get_unchecked(29)?,
            protected_until: $row.try_get_unchecked(30)?,
            capacity_provider: $row.try_get_unchecked(31)?,
            waiting: $row.try_get_unchecked(32)?,
        }
    };
}
pub(crate) use read_task;

/// See [`super::DEFINITION_COLUMNS`].
pub(crate) struct DefinitionRow<'r> {
    pub family: &'r str,
    pub revision: i64,
    pub status: &'r str,
    pub registered_at: i64,
    pub deregistered_at: Option<i64>,
    pub registered_by: &'r str,
    pub tags: &'r str,
    pub requires_attributes: &'r str,
    pub compatibilities: &'r str,
    pub document: &'r str,
    pub delete_requested_at: Option<i64>,
}

macro_rules! read_definition {
    ($row:expr) => {
        $crate::rows::DefinitionRow {
            family: $row.try_get_unchecked(0)?,
            revision: $row.try_get_unchecked(1)?,
            status: $row.try_get_unchecked(2)?,
            registered_at: $row.try_get_unchecked(3)?,
            deregistered_at: $row.try_get_unchecked(4)?,
            registered_by: $row.try_get_unchecked(5)?,
            tags: $row.try_get_unchecked(6)?,
            requires_attributes: $row.try_get_unchecked(7)?,
            compatibilities: $row.try_get_unchecked(8)?,
            document: $row.try_get_unchecked(9)?,
            delete_requested_at: $row.try_get_unchecked(10)?,
        }
    };
}
pub(crate) use read_definition;

pub(crate) struct EventRow<'r> {
    pub service: &'r str,
    pub sequence: i64,
    pub id: u128,
    pub created_at: i64,
    pub message: &'r str,
}

pub(crate) struct TokenRow<'r> {
    pub operation: &'r str,
    pub token: &'r str,
    pub fingerprint: &'r str,
    pub created_at: i64,
    pub result: &'r str,
}

impl DefinitionRow<'_> {
    pub fn definition(&self) -> Result<TaskDefinition, Error> {
        self.read().map_err(|source| Error::Corrupt {
            table: "task_definitions",
            id: format!("{}:{}", self.family, self.revision),
            source,
        })
    }

    fn read(&self) -> Result<TaskDefinition, BoxError> {
        let id = TaskDefinitionId { family: Family::parse(self.family)?, revision: self.revision.try_into()? };
        let document: serde_json::Value = serde_json::from_str(self.document)?;
        let mut definition = TaskDefinition::from_document(id, Arc::new(document))?;
        definition.status = word("status", self.status, TaskDefinitionStatus::parse)?;
        definition.registered_at = Timestamp::from_millis(self.registered_at);
        definition.deregistered_at = self.deregistered_at.map(Timestamp::from_millis);
        definition.delete_requested_at = self.delete_requested_at.map(Timestamp::from_millis);
        definition.registered_by = self.registered_by.into();
        definition.tags = serde_json::from_str(self.tags)?;
        definition.requires_attributes = serde_json::from_str(self.requires_attributes)?;
        definition.compatibilities = serde_json::from_str(self.compatibilities)?;
        Ok(definition)
    }
}

/// Takes the rows of a cluster in any order and makes its image of them.
#[derive(Default)]
pub(crate) struct ImageBuilder {
    image: Image,
    interner: Interner,
}

impl ImageBuilder {
    pub fn cluster(&mut self, document: &str) -> Result<(), Error> {
        let row: Cluster = document_of("clusters", "document", document)?;
        self.image.apply(&Change::Cluster(Arc::new(row)));
        Ok(())
    }

    pub fn instance(&mut self, id: &str, document: &str) -> Result<(), Error> {
        let mut row: Instance = document_of("container_instances", id, document)?;
        self.interner.attributes(&mut row);
        self.image.apply(&Change::Instance(Arc::new(row)));
        Ok(())
    }

    pub fn usage(&mut self, instance: InstanceId, cpu_units: i64, memory_mib: i64) -> Result<(), Error> {
        let read = || {
            let (cpu_units, memory_mib) = (cpu_units.try_into()?, memory_mib.try_into()?);
            Ok(Usage { cpu_units, memory_mib })
        };
        let usage = read().map_err(|source| corrupt("instance_usage", instance, source))?;
        self.image.apply(&Change::Usage(instance, usage));
        Ok(())
    }

    pub fn service(&mut self, name: &str, document: &str) -> Result<(), Error> {
        let row: Service = document_of("services", name, document)?;
        self.image.apply(&Change::Service(Arc::new(row)));
        Ok(())
    }

    pub fn deployment(&mut self, id: i64, document: &str) -> Result<(), Error> {
        let row: Deployment = document_of("deployments", id, document)?;
        self.image.apply(&Change::Deployment(Arc::new(row)));
        Ok(())
    }

    pub fn service_deployment(&mut self, id: i64, document: &str) -> Result<(), Error> {
        let row: ServiceDeployment = document_of("service_deployments", id, document)?;
        self.image.apply(&Change::ServiceDeployment(Arc::new(row)));
        Ok(())
    }

    pub fn event(&mut self, row: &EventRow<'_>) -> Result<(), Error> {
        let event = self
            .read_event(row)
            .map_err(|source| corrupt("service_events", format!("{}, {}", row.service, row.sequence), source))?;
        self.image.apply(&Change::Event(Arc::new(event)));
        Ok(())
    }

    pub fn token(&mut self, row: &TokenRow<'_>) -> Result<(), Error> {
        let result = document_of("client_tokens", format!("{}, {}", row.operation, row.token), row.result)?;
        let token = ClientToken {
            operation: self.interner.text(row.operation),
            token: row.token.into(),
            fingerprint: row.fingerprint.into(),
        };
        let created_at = Timestamp::from_millis(row.created_at);
        self.image.apply(&Change::Token(Arc::new(TokenRecord { token, created_at, result })));
        Ok(())
    }

    pub fn task(&mut self, row: &TaskRow<'_>) -> Result<(), Error> {
        let task = self.read_task(row).map_err(|source| corrupt("tasks", row.id, source))?;
        self.image.apply(&Change::TaskCreated(Arc::new(task)));
        Ok(())
    }

    pub fn definition(&mut self, definition: TaskDefinition) {
        self.image.apply(&Change::DefinitionReferenced(Arc::new(definition)));
    }

    /// The definitions that must be there before [`ImageBuilder::finish`].
    pub fn definitions_named(&self) -> Vec<TaskDefinitionId> {
        crate::definitions::named_by(&self.image).into_iter().collect()
    }

    pub fn finish(self) -> Result<Image, Error> {
        let named = crate::definitions::named_by(&self.image);
        if let Some(id) = named.iter().find(|id| !self.image.definitions.contains_key(id)) {
            return Err(crate::definitions::missing(id));
        }
        check_usage(&self.image)?;
        Ok(self.image)
    }

    fn read_event(&mut self, row: &EventRow<'_>) -> Result<ServiceEvent, BoxError> {
        Ok(ServiceEvent {
            service: self.interner.service(row.service)?,
            sequence: row.sequence.try_into()?,
            id: row.id,
            created_at: Timestamp::from_millis(row.created_at),
            message: self.interner.text(row.message),
        })
    }

    fn read_task(&mut self, row: &TaskRow<'_>) -> Result<Task, BoxError> {
        let interner = &mut self.interner;
        let time = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Task {
            id: row.id,
            instance: row.waiting.is_none().then_some(row.instance),
            waiting: row.waiting.map(serde_json::from_str).transpose()?.map(Arc::new),
            definition: TaskDefinitionId { family: interner.family(row.family)?, revision: row.revision.try_into()? },
            service: row.service.map(|name| interner.service(name)).transpose()?,
            deployment: row.deployment.map(u64::try_from).transpose()?.map(DeploymentId::from_u64),
            group: interner.text(row.task_group),
            started_by: row.started_by.map(|text| interner.text(text)),
            capacity_provider: row.capacity_provider.map(|name| interner.text(name)),
            launch_type: word("launch_type", row.launch_type, LaunchType::parse)?,
            reserved: Reserved {
                cpu_units: row.cpu_units.try_into()?,
                memory_mib: row.memory_mib.try_into()?,
                ports: list(row.ports)?,
                gpus: list(row.gpus)?,
            },
            overrides: row.overrides.map(serde_json::from_str).transpose()?.map(Arc::new),
            enable_execute_command: row.enable_execute_command,
            created_at: Timestamp::from_millis(row.created_at),
            version: row.version.try_into()?,
            desired_status: word("desired_status", row.desired_status, DesiredStatus::parse)?,
            last_status: word("last_status", row.last_status, TaskStatus::parse)?,
            health: word("health", row.health, HealthStatus::parse)?,
            stop_code: row.stop_code.map(|code| word("stop_code", code, StopCode::parse)).transpose()?,
            stopped_reason: row.stopped_reason.map(|text| interner.text(text)),
            pull_started_at: time(row.pull_started_at),
            pull_stopped_at: time(row.pull_stopped_at),
            started_at: time(row.started_at),
            stopping_at: time(row.stopping_at),
            execution_stopped_at: time(row.execution_stopped_at),
            stopped_at: time(row.stopped_at),
            protected_until: time(row.protected_until),
            containers: interner.containers(row.containers)?,
            tags: interner.tags(row.tags)?,
        })
    }
}

pub(crate) fn corrupt(table: &'static str, id: impl ToString, source: BoxError) -> Error {
    Error::Corrupt { table, id: id.to_string(), source }
}

pub(crate) fn id<T: std::str::FromStr<Err = IdError>>(table: &'static str, text: &str) -> Result<T, Error> {
    text.parse().map_err(|source: IdError| corrupt(table, text, source.into()))
}

/// I-1: what is stored as used is what the tasks hold.
pub(crate) fn check_usage(image: &Image) -> Result<(), Error> {
    let mut counted = BTreeMap::<InstanceId, Usage>::new();
    for task in image.tasks.values().filter(|task| !task.is_stopped()) {
        let Some(instance) = task.instance else { continue };
        let usage = counted.entry(instance).or_default();
        usage.cpu_units += u64::from(task.reserved.cpu_units);
        usage.memory_mib += u64::from(task.reserved.memory_mib);
    }
    for id in counted.keys().chain(image.usage.keys()) {
        let stored = image.usage.get(id).copied().unwrap_or_default();
        let counted = counted.get(id).copied().unwrap_or_default();
        if stored != counted {
            let problem = format!("{stored:?} is stored, but its tasks hold {counted:?}");
            return Err(corrupt("instance_usage", id, problem.into()));
        }
    }
    Ok(())
}

fn document_of<T: DeserializeOwned>(table: &'static str, id: impl ToString, document: &str) -> Result<T, Error> {
    serde_json::from_str(document).map_err(|source| corrupt(table, id, source.into()))
}

fn word<T>(column: &str, text: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, BoxError> {
    parse(text).ok_or_else(|| format!("{column} {text:?} is not known").into())
}

fn list<T: DeserializeOwned>(json: Option<&str>) -> Result<Vec<T>, BoxError> {
    json.map_or(Ok(Vec::new()), |json| Ok(serde_json::from_str(json)?))
}
