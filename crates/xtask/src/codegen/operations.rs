//! The operation table and the error codes.

use super::model::Model;
use super::naming::screaming;
use std::fmt::Write;

pub fn operations(model: &Model, implemented: &[&str]) -> String {
    let mut text = String::from("use super::shapes::*;\nuse crate::operation::Operation;\n\n");
    let _ = writeln!(text, "pub const TARGET_PREFIX: &str = {:?};\n", model.metadata.target_prefix);
    text += "/// The operations that have request and response types.\n";
    text += "#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]\npub enum Call {\n";
    for name in implemented {
        let _ = writeln!(text, "    {name},");
    }
    text += "}\n\n/// Ascending by name.\npub static OPERATIONS: &[Operation] = &[\n";
    for (name, operation) in &model.operations {
        let errors = operation
            .errors
            .iter()
            .map(|error| format!("{:?}", error.shape))
            .collect::<std::collections::BTreeSet<_>>()
            .into_iter()
            .collect::<Vec<_>>();
        let call = match implemented.contains(&name.as_str()) {
            true => format!("Some(Call::{name})"),
            false => "None".to_owned(),
        };
        let _ = writeln!(
            text,
            "    Operation {{ name: {name:?}, call: {call}, input: &{}, output: &{}, errors: &[{}] }},",
            screaming(&operation.input.shape),
            screaming(&operation.output.shape),
            errors.join(", "),
        );
    }
    text + "];\n"
}

pub fn codes(model: &Model) -> String {
    let mut text = String::new();
    for (name, _) in model.shapes.iter().filter(|(_, shape)| shape.exception) {
        let short = name.strip_suffix("Exception").unwrap_or(name);
        let _ = writeln!(text, "pub const {}: &str = {name:?};", screaming(short));
    }
    text += "\n/// The server's own failures, answered with 500.\npub(crate) const FAULTS: &[&str] = &[";
    let faults: Vec<String> =
        model.shapes.iter().filter(|(_, shape)| shape.fault).map(|(name, _)| format!("{name:?}")).collect();
    text + &faults.join(", ") + "];\n"
}
