//! What a shape table says: names, types, required members and bounds. The tables themselves are generated.

use regex::Regex;
use std::fmt;
use std::sync::OnceLock;

/// A bound that is not there.
pub const UNBOUNDED: u32 = u32::MAX;

pub enum Shape {
    Structure(Structure),
    List {
        element: &'static Shape,
        length: Lengths,
    },
    /// Keys are strings.
    Map(&'static Shape),
    /// Lengths count characters.
    Text {
        length: Lengths,
        pattern: Option<&'static Pattern>,
    },
    Enum(&'static [&'static str]),
    Integer {
        min: i32,
        max: i32,
    },
    Long {
        min: i64,
        max: i64,
    },
    Double {
        min: f64,
        max: f64,
    },
    Boolean,
    Timestamp,
    /// Any JSON value.
    Document,
}

pub struct Structure {
    pub name: &'static str,
    /// Ascending by name.
    pub members: &'static [Member],
}

pub struct Member {
    pub name: &'static str,
    pub shape: &'static Shape,
    pub required: bool,
    /// A scalar that is not boxed is always present in responses, with 0 or false (W-11).
    pub boxed: bool,
    /// Clients fill it with a random text when the caller gives none.
    pub idempotency_token: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lengths {
    pub min: u32,
    pub max: u32,
}

/// A pattern that a whole text must match, compiled when first used.
pub struct Pattern {
    pub source: &'static str,
    compiled: OnceLock<Regex>,
}

impl Pattern {
    pub(crate) const fn new(source: &'static str) -> Self {
        Self { source, compiled: OnceLock::new() }
    }

    pub fn matches(&self, text: &str) -> bool {
        let whole =
            || Regex::new(&format!("^(?:{})$", self.source)).expect("a test compiles every pattern of the model");
        self.compiled.get_or_init(whole).is_match(text)
    }
}

impl Structure {
    pub fn member(&self, name: &str) -> Option<&'static Member> {
        let at = self.members.binary_search_by(|member| member.name.cmp(name)).ok()?;
        Some(&self.members[at])
    }
}

impl Shape {
    /// The structure of an operation's input or output.
    pub fn as_structure(&self) -> Option<&Structure> {
        match self {
            Shape::Structure(structure) => Some(structure),
            _ => None,
        }
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.name, self.shape)
    }
}

impl fmt::Debug for Shape {
    /// Names only: a table printed in full fills pages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Shape::Structure(structure) => structure.name,
            Shape::List { .. } => "list",
            Shape::Map(_) => "map",
            Shape::Text { .. } => "text",
            Shape::Enum(_) => "enum",
            Shape::Integer { .. } => "integer",
            Shape::Long { .. } => "long",
            Shape::Double { .. } => "double",
            Shape::Boolean => "boolean",
            Shape::Timestamp => "timestamp",
            Shape::Document => "document",
        })
    }
}

// Short names and functions keep the generated tables readable and small.

pub(crate) static TEXT: Shape = text(0, UNBOUNDED, None);
pub(crate) static INTEGER: Shape = integer(i32::MIN, i32::MAX);
pub(crate) static LONG: Shape = long(i64::MIN, i64::MAX);
pub(crate) static DOUBLE: Shape = double(f64::MIN, f64::MAX);
pub(crate) static BOOLEAN: Shape = Shape::Boolean;
pub(crate) static TIMESTAMP: Shape = Shape::Timestamp;
pub(crate) static DOCUMENT: Shape = Shape::Document;

pub(crate) const fn structure(name: &'static str, members: &'static [Member]) -> Shape {
    Shape::Structure(Structure { name, members })
}

pub(crate) const fn list(element: &'static Shape) -> Shape {
    list_of(element, 0, UNBOUNDED)
}

pub(crate) const fn list_of(element: &'static Shape, min: u32, max: u32) -> Shape {
    Shape::List { element, length: Lengths { min, max } }
}

pub(crate) const fn text(min: u32, max: u32, pattern: Option<&'static Pattern>) -> Shape {
    Shape::Text { length: Lengths { min, max }, pattern }
}

pub(crate) const fn integer(min: i32, max: i32) -> Shape {
    Shape::Integer { min, max }
}

pub(crate) const fn long(min: i64, max: i64) -> Shape {
    Shape::Long { min, max }
}

pub(crate) const fn double(min: f64, max: f64) -> Shape {
    Shape::Double { min, max }
}

/// An optional member.
pub(crate) const fn m(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: false, boxed: true, idempotency_token: false }
}

/// A required member.
pub(crate) const fn r(name: &'static str, shape: &'static Shape) -> Member {
    Member { name, shape, required: true, boxed: true, idempotency_token: false }
}

impl Member {
    pub(crate) const fn unboxed(self) -> Self {
        Self { boxed: false, ..self }
    }

    pub(crate) const fn token(self) -> Self {
        Self { idempotency_token: true, ..self }
    }
}
