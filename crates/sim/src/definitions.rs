//! The task definitions of the simulated users: what they write, and the registry that numbers it (I-27). The image
//! tells the simulated runtime how the container behaves.

use crate::dice::Dice;
use crate::violation::{Broken, require};
use plimsoll_core::task_definition::prepare;
use plimsoll_model::{Family, TaskDefinition, TaskDefinitionId};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Runs until it is stopped.
pub(crate) const STEADY: &str = "steady";
/// Runs for a moment and exits with code 0.
pub(crate) const DONE: &str = "done";
/// Runs for a moment and exits with code 1.
pub(crate) const CRASHES: &str = "crashes";
/// Cannot be pulled.
pub(crate) const MISSING: &str = "missing";

/// Revisions each family begins with: the same but for their number, so that there is something to roll out.
const REVISIONS: u32 = 3;
/// More are not worth registering.
const REVISIONS_MAX: u32 = 12;

#[derive(Debug)]
struct Template {
    family: Family,
    containers: Value,
    /// Its tasks start and stay.
    is_steady: bool,
}

#[derive(Debug)]
pub(crate) struct Definitions {
    templates: Vec<Template>,
    rows: BTreeMap<TaskDefinitionId, Arc<TaskDefinition>>,
    /// Deregistered: kept for those who run it, not to be used anew.
    inactive: BTreeSet<TaskDefinitionId>,
    /// The last revision of each family.
    last: BTreeMap<Family, u32>,
    /// In order of id, those that may be used.
    active: Vec<Arc<TaskDefinition>>,
    /// Attributes that some definition requires of a machine.
    required: BTreeSet<Arc<str>>,
}

impl Definitions {
    pub fn new() -> Self {
        let mut definitions = Definitions {
            templates: templates(),
            rows: BTreeMap::new(),
            inactive: BTreeSet::new(),
            last: BTreeMap::new(),
            active: Vec::new(),
            required: BTreeSet::new(),
        };
        for template in 0..definitions.templates.len() {
            for _ in 0..REVISIONS {
                definitions.register(template);
            }
        }
        definitions
    }

    /// Those a user may name, in order of id.
    pub fn all(&self) -> &[Arc<TaskDefinition>] {
        &self.active
    }

    pub fn required_attributes(&self) -> impl Iterator<Item = &Arc<str>> {
        self.required.iter()
    }

    pub fn is_steady(&self, id: &TaskDefinitionId) -> bool {
        self.templates.iter().any(|template| template.is_steady && template.family == id.family)
    }

    /// One whose tasks start and stay, and hold nothing that there is only one of.
    pub fn plain(&self) -> Arc<TaskDefinition> {
        let plain = self.active.iter().find(|definition| definition.id.family.as_str() == "web");
        Arc::clone(plain.expect("the last revision of a family stays"))
    }

    pub fn get(&self, id: &TaskDefinitionId) -> Option<&Arc<TaskDefinition>> {
        self.rows.get(id)
    }

    /// As the store does it: the next number of the family, in one transaction.
    pub fn register_one(&mut self, dice: &mut Dice) -> bool {
        let template = usize::try_from(dice.below(self.templates.len() as u64)).unwrap_or(0);
        if self.last.get(&self.templates[template].family).is_some_and(|last| *last >= REVISIONS_MAX) {
            return false;
        }
        self.register(template);
        true
    }

    fn register(&mut self, template: usize) {
        let family = self.templates[template].family.clone();
        let containers = self.templates[template].containers.clone();
        let mut request = Map::new();
        request.insert("family".to_owned(), family.as_str().into());
        request.insert("containerDefinitions".to_owned(), containers);
        let prepared = prepare(request).expect("a valid request");
        let revision = self.last.get(&family).copied().unwrap_or(0) + 1;
        self.last.insert(family, revision);
        let id = TaskDefinitionId { family: prepared.family, revision };
        let document = with_short_periods(prepared.document);
        let mut row = TaskDefinition::from_document(id.clone(), Arc::new(document)).expect("prepared");
        self.required.extend(prepared.requires_attributes.iter().cloned());
        row.requires_attributes = prepared.requires_attributes;
        self.rows.insert(id, Arc::new(row));
        self.list_active();
    }

    /// Not the last that is left of its family: users would have nothing to run.
    pub fn deregister_one(&mut self, dice: &mut Dice) -> bool {
        let Some(id) = dice.pick(&self.active).map(|definition| definition.id.clone()) else { return false };
        let of_family = self.active.iter().filter(|definition| definition.id.family == id.family).count();
        if of_family < 2 {
            return false;
        }
        self.inactive.insert(id);
        self.list_active();
        true
    }

    fn list_active(&mut self) {
        let active = self.rows.values().filter(|definition| !self.inactive.contains(&definition.id));
        self.active = active.map(Arc::clone).collect();
    }

    /// I-27: what a row of the cluster names is there, deregistered or not, and is what was registered.
    pub fn i_27_names_are_kept(&self, named: &Arc<TaskDefinition>) -> Result<(), Broken> {
        let registered = self.rows.get(&named.id);
        require(registered.is_some_and(|row| **row == **named), "I-27", || {
            format!("{} is not what was registered under that name", named.id)
        })
    }

    /// I-27: the revisions of a family have no gap and no double.
    pub fn i_27_revisions_have_no_gap(&self) -> Result<(), Broken> {
        for (family, last) in &self.last {
            let revisions = self.rows.keys().filter(|id| id.family == *family).map(|id| id.revision);
            let expected = 1..=*last;
            require(revisions.eq(expected), "I-27", || format!("the revisions of {family} have a gap before {last}"))?;
        }
        Ok(())
    }
}

fn templates() -> Vec<Template> {
    let steady = [
        ("web", json!([container("web", STEADY)])),
        ("port", json!([with(container("web", STEADY), json!({"portMappings": [port(8080)]}))])),
        (
            "pair",
            json!([
                with(container("web", STEADY), depends("side", "START")),
                with(container("side", STEADY), json!({"essential": false})),
            ]),
        ),
        (
            "migrated",
            json!([
                with(container("web", STEADY), depends("migrate", "SUCCESS")),
                with(container("migrate", DONE), json!({"essential": false})),
            ]),
        ),
        ("checked", json!([with(container("web", STEADY), health_check())])),
        (
            "watched",
            json!([
                with(container("web", STEADY), health_check()),
                with(container("side", STEADY), json!({"essential": false})),
            ]),
        ),
    ];
    let bad = [
        ("crashing", json!([with(container("web", CRASHES), restarts_after_a_second())])),
        ("missing", json!([container("web", MISSING)])),
        ("half", json!([container("web", STEADY), with(container("side", MISSING), json!({"essential": false}))])),
    ];
    let template = |is_steady: bool| {
        move |(family, containers): (&str, Value)| {
            let family = Family::parse(family).expect("a valid family");
            Template { family, containers, is_steady }
        }
    };
    steady.into_iter().map(template(true)).chain(bad.into_iter().map(template(false))).collect()
}

fn container(name: &str, image: &str) -> Value {
    json!({"name": name, "image": image, "cpu": 128, "memory": 64, "stopTimeout": 5})
}

fn with(mut base: Value, more: Value) -> Value {
    if let (Value::Object(base), Value::Object(more)) = (&mut base, more) {
        base.extend(more);
    }
    base
}

fn depends(name: &str, condition: &str) -> Value {
    json!({"dependsOn": [{"containerName": name, "condition": condition}]})
}

fn restarts_after_a_second() -> Value {
    json!({"restartPolicy": {"enabled": true, "restartAttemptPeriod": 60}})
}

/// Nobody may register a restart period below a minute, which is most of a run.
fn with_short_periods(mut document: Value) -> Value {
    let containers = document.get_mut("containerDefinitions").and_then(Value::as_array_mut);
    for policy in containers.into_iter().flatten().filter_map(|container| container.get_mut("restartPolicy")) {
        policy["restartAttemptPeriod"] = 1.into();
    }
    document
}

fn health_check() -> Value {
    json!({"healthCheck": {"command": ["CMD", "true"]}})
}

fn port(host_port: u16) -> Value {
    json!({"containerPort": 80, "hostPort": host_port, "protocol": "tcp"})
}
