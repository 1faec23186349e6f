//! The one place where a request's syntax is checked, against the operation's shape table (W-6 to W-9).
//!
//! Three walks over one value, in the order in which a client may expect refusals: types, then required members, then
//! enums and bounds. Each refusal names the member by its path, what was given, and what would have been accepted.

use crate::bounds::{self, Refusal, length_refusal, range_refusal};
use crate::error::{ApiError, code, excerpt};
use crate::operation::Operation;
use crate::shape::{Member, Shape, Structure};
use crate::{json, timestamp};
use serde::de::DeserializeOwned;
use serde_json::{Map, Number, Value};
use std::fmt;

/// Larger bodies are refused unread (S-16).
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Deeper nesting is refused while reading (S-16). The deepest shape of the model is far above it.
pub const DEPTH_MAX: usize = 64;
/// Entries of a list that has no bound of its own. A task definition of 64 KiB cannot hold as many.
const ENTRIES_MAX: usize = 10_000;

/// The request as the operation's table wants it: members it knows, of the right type, without nulls; times as
/// numbers. An empty body is an empty request.
pub fn validate(operation: &'static Operation, body: &[u8]) -> Result<Value, ApiError> {
    if body.len() > BODY_BYTES_MAX {
        let message = format!("body of {} bytes exceeds {BODY_BYTES_MAX}", body.len());
        return Err(ApiError::serialization(message).with_status(413));
    }
    let given = match body.trim_ascii() {
        [] => Value::Object(Map::new()),
        body => json::read(body, DEPTH_MAX)
            .map_err(|error| ApiError::serialization(format!("body is not acceptable JSON: {error}")))?,
    };
    let request = typed(operation.input, given, &Path::Root)?;
    let check = Check { operation };
    check.required(operation.input, &request, &Path::Root)?;
    check.bounds(operation.input, &request, &Path::Root)?;
    Ok(request)
}

/// A validated request as the operation's struct. It fails only for a struct that is not the operation's.
pub fn parse<T: DeserializeOwned>(request: Value) -> Result<T, ApiError> {
    serde_json::from_value(request).map_err(|error| ApiError::serialization(error.to_string()))
}

/// The value with its types checked and normalised, and unknown members dropped.
fn typed(shape: &'static Shape, value: Value, path: &Path<'_>) -> Result<Value, ApiError> {
    match (shape, value) {
        (Shape::Structure(structure), Value::Object(given)) => {
            let mut members = Map::new();
            for (name, value) in given {
                if let Some(member) = structure.member(&name) {
                    let value = typed(member.shape, value, &Path::Member(path, member.name))?;
                    members.insert(name, value);
                }
            }
            Ok(Value::Object(members))
        }
        (Shape::List { element, .. }, Value::Array(given)) => {
            if given.len() > ENTRIES_MAX {
                let message = format!("{path} has {} entries, at most {ENTRIES_MAX} are read", given.len());
                return Err(ApiError::serialization(message));
            }
            let entries = given.into_iter().enumerate();
            entries.map(|(index, value)| typed(element, value, &Path::Index(path, index))).collect()
        }
        (Shape::Map(element), Value::Object(given)) => given
            .into_iter()
            .map(|(key, value)| {
                let value = typed(element, value, &Path::Key(path, &key))?;
                Ok((key, value))
            })
            .collect(),
        (Shape::Text { .. } | Shape::Enum(_), value @ Value::String(_)) => Ok(value),
        (Shape::Boolean, value @ Value::Bool(_)) => Ok(value),
        (Shape::Integer { .. }, Value::Number(number)) => {
            whole(&number, i32::MIN.into(), i32::MAX.into(), path).map(Value::from)
        }
        (Shape::Long { .. }, Value::Number(number)) => whole(&number, i64::MIN, i64::MAX, path).map(Value::from),
        (Shape::Double { .. }, value @ Value::Number(_)) => Ok(value),
        (Shape::Timestamp, value @ (Value::Number(_) | Value::String(_))) => match timestamp::read(&value) {
            Some(seconds) => Ok(Value::from(seconds)),
            None => Err(ApiError::serialization(format!(
                "{path} must be a time (seconds since 1970 or ISO-8601), was {}",
                excerpt(&value.to_string())
            ))),
        },
        (Shape::Document, value) => Ok(value),
        (shape, value) => {
            Err(ApiError::serialization(format!("{path} must be {}, was {}", wanted(shape), given(&value))))
        }
    }
}

/// An integer within its type; a float without a fraction counts as one.
fn whole(number: &Number, min: i64, max: i64, path: &Path<'_>) -> Result<i64, ApiError> {
    // 2^63 as a float: the first one that an i64 cannot hold.
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    let integer = match (number.as_i64(), number.as_f64()) {
        (Some(integer), _) => Some(integer),
        (None, Some(float)) if float.fract() != 0.0 => {
            return Err(ApiError::serialization(format!("{path} must be an integer, was {number}")));
        }
        (None, Some(float)) if (-BEYOND..BEYOND).contains(&float) => Some(float as i64),
        _ => None,
    };
    integer
        .filter(|integer| (min..=max).contains(integer))
        .ok_or_else(|| ApiError::serialization(format!("{path} must be between {min} and {max}, was {number}")))
}

fn wanted(shape: &Shape) -> &'static str {
    match shape {
        Shape::Structure(_) | Shape::Map(_) => "an object",
        Shape::List { .. } => "a list",
        Shape::Text { .. } | Shape::Enum(_) => "a string",
        Shape::Integer { .. } | Shape::Long { .. } => "an integer",
        Shape::Double { .. } => "a number",
        Shape::Boolean => "true or false",
        Shape::Timestamp => "a time",
        Shape::Document => "a JSON value",
    }
}

fn given(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the string {}", excerpt(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

struct Check {
    operation: &'static Operation,
}

impl Check {
    /// Refusals of a task definition are ClientException, all others InvalidParameterException (W-7, W-8, §5).
    fn refuse(&self, message: String) -> ApiError {
        let code = if self.operation.name == "RegisterTaskDefinition" { code::CLIENT } else { code::INVALID_PARAMETER };
        ApiError::new(code, message)
    }

    fn required(&self, shape: &'static Shape, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        match (shape, value) {
            (Shape::Structure(structure), Value::Object(given)) => {
                for member in structure.members {
                    let value = given.get(member.name);
                    if value.is_none_or(|value| is_empty(structure, member, value)) && is_required(structure, member) {
                        return Err(bounds::missing(structure.name, member.name)
                            .unwrap_or_else(|| self.refuse(format!("{} cannot be empty.", titled(path, member)))));
                    }
                    if let Some(value) = value {
                        self.required(member.shape, value, &Path::Member(path, member.name))?;
                    }
                }
                Ok(())
            }
            _ => each(shape, value, path, |shape, value, path| self.required(shape, value, path)),
        }
    }

    fn bounds(&self, shape: &'static Shape, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        self.own_bounds(shape, value, path)?;
        if let (Shape::Structure(structure), Value::Object(given)) = (shape, value) {
            for member in structure.members {
                let Some(value) = given.get(member.name) else { continue };
                let path = Path::Member(path, member.name);
                // Rows go first: where ECS takes fewer values than the model, its refusal must not name the model's.
                for bound in bounds::bounds(self.operation.name, structure.name, member.name) {
                    match bound.rule.refusal(value) {
                        None => {}
                        Some(Refusal::Whole(text)) => return Err(self.refuse(text.to_owned())),
                        Some(Refusal::About(text)) if structure.name == "Tag" => {
                            return Err(ApiError::invalid_parameter(format!("{path}{text}")));
                        }
                        Some(Refusal::About(text)) => return Err(self.refuse(format!("{path}{text}"))),
                    }
                }
                self.bounds(member.shape, value, &path)?;
            }
            return Ok(());
        }
        if let (Shape::List { element: Shape::Structure(Structure { name: "Tag", .. }), .. }, Value::Array(tags)) =
            (shape, value)
        {
            unique_tag_keys(tags, path)?;
        }
        each(shape, value, path, |shape, value, path| self.bounds(shape, value, path))
    }

    /// Enums and the bounds that the model carries.
    fn own_bounds(&self, shape: &'static Shape, value: &Value, path: &Path<'_>) -> Result<(), ApiError> {
        let refusal = match (shape, value) {
            (Shape::Enum(values), Value::String(text))
                if !values.contains(&text.as_str()) && !bounds::is_own(shape, text) =>
            {
                Some(bounds::enum_refusal(values, text))
            }
            (Shape::Text { length, pattern }, Value::String(text)) => {
                length_refusal(*length, text.chars().count(), "characters").or_else(|| {
                    let pattern = pattern.filter(|pattern| !pattern.matches(text))?;
                    Some(format!(" {} does not match {}", excerpt(text), pattern.source))
                })
            }
            (Shape::List { length, .. }, Value::Array(list)) => length_refusal(*length, list.len(), "entries"),
            (Shape::Integer { min, max }, Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|n| (i64::from(*min)..=i64::from(*max)).contains(&n));
                (!fits).then(|| range_refusal(number, min, max))
            }
            (Shape::Long { min, max }, Value::Number(number)) => {
                let fits = number.as_i64().is_some_and(|n| (*min..=*max).contains(&n));
                (!fits).then(|| range_refusal(number, min, max))
            }
            (Shape::Double { min, max }, Value::Number(number)) => {
                let fits = number.as_f64().is_some_and(|n| (*min..=*max).contains(&n));
                (!fits).then(|| range_refusal(number, min, max))
            }
            _ => None,
        };
        match refusal {
            None => Ok(()),
            Some(text) if path.is_in_tags() => Err(self.refuse_tag(shape, format!("{path}{text}"))),
            Some(text) => Err(self.refuse(format!("{path}{text}"))),
        }
    }

    /// TAG-1: tags have errors of their own, in task definitions too.
    fn refuse_tag(&self, shape: &Shape, message: String) -> ApiError {
        let too_many = matches!(shape, Shape::List { .. }) && self.operation.declares(code::LIMIT_EXCEEDED);
        ApiError::new(if too_many { code::LIMIT_EXCEEDED } else { code::INVALID_PARAMETER }, message)
    }
}

fn is_required(structure: &Structure, member: &Member) -> bool {
    member.required || bounds::ALSO_REQUIRED.contains(&(structure.name, member.name))
}

/// An empty list or text counts as missing where a value is required.
fn is_empty(structure: &Structure, member: &Member, value: &Value) -> bool {
    match value {
        Value::Array(list) => list.is_empty() && !bounds::MAY_BE_EMPTY.contains(&(structure.name, member.name)),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn unique_tag_keys(tags: &[Value], path: &Path<'_>) -> Result<(), ApiError> {
    let mut keys: Vec<&str> = tags.iter().filter_map(|tag| tag.get("key")?.as_str()).collect();
    keys.sort_unstable();
    match keys.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(ApiError::invalid_parameter(format!("{path} has the key {} twice", excerpt(pair[0])))),
        None => Ok(()),
    }
}

/// Entries of lists and maps, one after another.
fn each(
    shape: &'static Shape,
    value: &Value,
    path: &Path<'_>,
    mut visit: impl FnMut(&'static Shape, &Value, &Path<'_>) -> Result<(), ApiError>,
) -> Result<(), ApiError> {
    match (shape, value) {
        (Shape::List { element, .. }, Value::Array(list)) => {
            list.iter().enumerate().try_for_each(|(index, value)| visit(element, value, &Path::Index(path, index)))
        }
        (Shape::Map(element), Value::Object(map)) => {
            map.iter().try_for_each(|(key, value)| visit(element, value, &Path::Key(path, key)))
        }
        _ => Ok(()),
    }
}

/// `containerInstances` at the top is "Container Instances"; members further down keep their path.
fn titled(path: &Path<'_>, member: &Member) -> String {
    if !matches!(path, Path::Root) {
        return Path::Member(path, member.name).to_string();
    }
    let mut title = String::new();
    for (index, letter) in member.name.chars().enumerate() {
        if index == 0 {
            title.push(letter.to_ascii_uppercase());
        } else if letter.is_ascii_uppercase() {
            title.push(' ');
            title.push(letter);
        } else {
            title.push(letter);
        }
    }
    title
}

/// Where in the request a value stands, kept on the stack and only written out for a refusal.
enum Path<'a> {
    Root,
    Member(&'a Path<'a>, &'static str),
    Index(&'a Path<'a>, usize),
    Key(&'a Path<'a>, &'a str),
}

impl Path<'_> {
    fn is_in_tags(&self) -> bool {
        match self {
            Path::Root => false,
            Path::Member(_, "tags") => true,
            Path::Member(parent, _) | Path::Index(parent, _) | Path::Key(parent, _) => parent.is_in_tags(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => f.write_str("the request"),
            Path::Member(Path::Root, name) => f.write_str(name),
            Path::Member(parent, name) => write!(f, "{parent}.{name}"),
            Path::Index(parent, index) => write!(f, "{parent}[{index}]"),
            Path::Key(parent, key) => write!(f, "{parent}[{}]", excerpt(key)),
        }
    }
}
