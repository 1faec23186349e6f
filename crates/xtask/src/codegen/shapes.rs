//! The static shape tables that requests are validated against, for every operation of the model.

use super::model::{Kind, Model, Reference, Shape};
use super::naming::screaming;
use std::fmt::Write;

pub fn shapes(model: &Model) -> String {
    let mut text = String::from("use crate::shape::*;\n\n");
    for name in model.reachable(model.operations.values()) {
        let shape = model.shape(name);
        if common(shape).is_none() {
            if let Some(pattern) = &shape.pattern {
                let _ = writeln!(text, "static {}: Pattern = Pattern::new({pattern:?});", pattern_name(name));
            }
            let _ = writeln!(text, "pub static {}: Shape = {};", screaming(name), definition(model, name, shape));
        }
    }
    text
}

fn pattern_name(shape: &str) -> String {
    screaming(shape) + "_PATTERN"
}

/// Shapes without bounds need no table of their own.
fn common(shape: &Shape) -> Option<&'static str> {
    let bounded = shape.min.is_some() || shape.max.is_some() || shape.pattern.is_some() || !shape.values.is_empty();
    match shape.kind {
        Kind::String if !bounded => Some("TEXT"),
        Kind::Blob => Some("TEXT"),
        Kind::Integer if !bounded => Some("INTEGER"),
        Kind::Long if !bounded => Some("LONG"),
        Kind::Double | Kind::Float if !bounded => Some("DOUBLE"),
        Kind::Boolean => Some("BOOLEAN"),
        Kind::Timestamp => Some("TIMESTAMP"),
        Kind::Structure if shape.document => Some("DOCUMENT"),
        _ => None,
    }
}

fn reference(model: &Model, reference: &Reference) -> String {
    let common = common(model.shape(&reference.shape));
    format!("&{}", common.map_or_else(|| screaming(&reference.shape), str::to_owned))
}

fn definition(model: &Model, name: &str, shape: &Shape) -> String {
    let whole = |bound: Option<f64>, otherwise: &str| bound.map_or(otherwise.to_owned(), |b| format!("{}", b as i64));
    match shape.kind {
        Kind::Structure => {
            let members: Vec<String> = shape.members.iter().map(|(key, to)| member(model, shape, key, to)).collect();
            format!("structure({name:?}, &[{}])", members.join(", "))
        }
        Kind::List => {
            let element = shape.member.as_ref().map_or("&TEXT".to_owned(), |member| reference(model, member));
            match (shape.min, shape.max) {
                (None, None) => format!("list({element})"),
                (min, max) => format!("list_of({element}, {}, {})", whole(min, "0"), whole(max, "UNBOUNDED")),
            }
        }
        Kind::Map => {
            let value = shape.value.as_ref().map_or("&TEXT".to_owned(), |value| reference(model, value));
            format!("Shape::Map({value})")
        }
        Kind::String if !shape.values.is_empty() => format!("Shape::Enum(&{:?})", shape.values),
        Kind::String | Kind::Blob => format!(
            "text({}, {}, {})",
            whole(shape.min, "0"),
            whole(shape.max, "UNBOUNDED"),
            shape.pattern.as_ref().map_or("None".to_owned(), |_| format!("Some(&{})", pattern_name(name))),
        ),
        Kind::Integer => format!("integer({}, {})", whole(shape.min, "i32::MIN"), whole(shape.max, "i32::MAX")),
        Kind::Long => format!("long({}, {})", whole(shape.min, "i64::MIN"), whole(shape.max, "i64::MAX")),
        Kind::Double | Kind::Float => {
            let bound = |bound: Option<f64>, otherwise: &str| bound.map_or(otherwise.to_owned(), |b| format!("{b:?}"));
            format!("double({}, {})", bound(shape.min, "f64::MIN"), bound(shape.max, "f64::MAX"))
        }
        Kind::Boolean => "Shape::Boolean".to_owned(),
        Kind::Timestamp => "Shape::Timestamp".to_owned(),
    }
}

fn member(model: &Model, owner: &Shape, name: &str, to: &Reference) -> String {
    let target = model.shape(&to.shape);
    let maker = if owner.required.contains(name) { "r" } else { "m" };
    let mut text = format!("{maker}({name:?}, {})", reference(model, to));
    if target.is_scalar() && !target.boxed && !to.boxed {
        text += ".unboxed()";
    }
    if to.idempotency_token {
        text += ".token()";
    }
    text
}
