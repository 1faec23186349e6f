//! Serde structures for the shapes of the implemented operations.

use super::model::{Kind, Model, Reference, Shape};
use super::naming::{field, serde_camel, snake};
use std::collections::BTreeSet;
use std::fmt::Write;

pub fn types(model: &Model, implemented: &[&str]) -> String {
    let operations = || implemented.iter().map(|name| &model.operations[*name]);
    let inputs: BTreeSet<&str> = operations().map(|operation| operation.input.shape.as_str()).collect();
    let mut text = String::from("use serde::{Deserialize, Serialize};\nuse std::collections::BTreeMap;\n\n");
    for name in model.reachable(operations()) {
        let shape = model.shape(name);
        if shape.kind == Kind::Structure && !shape.document {
            text += &structure(model, name, shape, inputs.contains(name));
        }
    }
    text
}

fn structure(model: &Model, name: &str, shape: &Shape, is_input: bool) -> String {
    let mut text = String::from(
        "#[derive(Serialize, Deserialize, Default, Clone, Debug, PartialEq)]\n\
         #[serde(rename_all = \"camelCase\", default)]\n",
    );
    let _ = writeln!(text, "pub struct {name} {{");
    for (wire, to) in &shape.members {
        let target = model.shape(&to.shape);
        let mut attributes = Vec::new();
        if serde_camel(&snake(wire)) != *wire {
            attributes.push(format!("rename = {wire:?}"));
        }
        // Requests keep apart what was sent from what was not; elsewhere a scalar that is not boxed is always there.
        let always = target.is_scalar() && !target.boxed && !to.boxed && !is_input;
        let rust = rust_type(model, to);
        let rust = match always {
            true => rust,
            false => {
                attributes.push("skip_serializing_if = \"Option::is_none\"".to_owned());
                format!("Option<{rust}>")
            }
        };
        if !attributes.is_empty() {
            let _ = writeln!(text, "    #[serde({})]", attributes.join(", "));
        }
        let _ = writeln!(text, "    pub {}: {rust},", field(wire));
    }
    text + "}\n\n"
}

fn rust_type(model: &Model, to: &Reference) -> String {
    let shape = model.shape(&to.shape);
    match shape.kind {
        Kind::Structure if shape.document => "serde_json::Value".to_owned(),
        Kind::Structure if model.is_recursive(&to.shape) => format!("Box<{}>", to.shape),
        Kind::Structure => to.shape.clone(),
        Kind::List => format!("Vec<{}>", element(model, shape.member.as_ref())),
        Kind::Map => format!("BTreeMap<String, {}>", element(model, shape.value.as_ref())),
        Kind::String | Kind::Blob => "String".to_owned(),
        Kind::Integer => "i32".to_owned(),
        Kind::Long => "i64".to_owned(),
        Kind::Double | Kind::Float | Kind::Timestamp => "f64".to_owned(),
        Kind::Boolean => "bool".to_owned(),
    }
}

/// Element types need no box of their own: the list or map is one.
fn element(model: &Model, to: Option<&Reference>) -> String {
    let Some(to) = to else { return "String".to_owned() };
    match model.shape(&to.shape) {
        shape if shape.kind == Kind::Structure && !shape.document => to.shape.clone(),
        _ => rust_type(model, to),
    }
}
