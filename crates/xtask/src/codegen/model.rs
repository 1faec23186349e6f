//! The parts of a botocore `service-2.json` that say something about names and bounds. Everything else is skipped.

use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
pub struct Model {
    pub metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    pub target_prefix: String,
}

#[derive(Deserialize)]
pub struct Operation {
    pub input: Reference,
    pub output: Reference,
    #[serde(default)]
    pub errors: Vec<Reference>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reference {
    pub shape: String,
    #[serde(default, rename = "box")]
    pub boxed: bool,
    #[serde(default)]
    pub idempotency_token: bool,
}

#[derive(Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: Kind,
    #[serde(default)]
    pub members: BTreeMap<String, Reference>,
    #[serde(default)]
    pub required: BTreeSet<String>,
    pub member: Option<Reference>,
    pub value: Option<Reference>,
    #[serde(default, rename = "enum")]
    pub values: Vec<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    #[serde(default, rename = "box")]
    pub boxed: bool,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub exception: bool,
    #[serde(default)]
    pub fault: bool,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Structure,
    List,
    Map,
    String,
    Integer,
    Long,
    Double,
    Float,
    Boolean,
    Timestamp,
    Blob,
}

impl Model {
    pub fn parse(text: &str) -> Result<Self> {
        let model: Self = serde_json::from_str(text).context("not a botocore service model")?;
        for (name, shape) in &model.shapes {
            for reference in shape.references() {
                model
                    .shapes
                    .get(&reference.shape)
                    .with_context(|| format!("{name} refers to {}, which is not there", reference.shape))?;
            }
        }
        for (name, operation) in &model.operations {
            for reference in [&operation.input, &operation.output].into_iter().chain(&operation.errors) {
                model
                    .shapes
                    .get(&reference.shape)
                    .with_context(|| format!("{name} refers to {}, which is not there", reference.shape))?;
            }
        }
        Ok(model)
    }

    /// A shape that `parse` has seen to be there.
    pub fn shape(&self, name: &str) -> &Shape {
        &self.shapes[name]
    }

    /// The shapes that the inputs and outputs of these operations consist of.
    pub fn reachable<'a>(&'a self, operations: impl IntoIterator<Item = &'a Operation>) -> BTreeSet<&'a str> {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = operations
            .into_iter()
            .flat_map(|operation| [operation.input.shape.as_str(), operation.output.shape.as_str()])
            .collect();
        while let Some(name) = open.pop() {
            if seen.insert(name) {
                open.extend(self.shape(name).references().map(|reference| reference.shape.as_str()));
            }
        }
        seen
    }

    /// Whether a value of this structure can contain another one, so that its Rust type needs a box.
    pub fn is_recursive(&self, name: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = self.shape(name).references().map(|reference| reference.shape.as_str()).collect();
        while let Some(next) = open.pop() {
            if next == name {
                return true;
            }
            if seen.insert(next) {
                open.extend(self.shape(next).references().map(|reference| reference.shape.as_str()));
            }
        }
        false
    }
}

impl Shape {
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        self.members.values().chain(&self.member).chain(&self.value)
    }

    pub fn is_scalar(&self) -> bool {
        matches!(self.kind, Kind::Integer | Kind::Long | Kind::Double | Kind::Float | Kind::Boolean)
    }
}
