//! Lines of a decision log, read one at a time.

use crate::read::ReadError;
use plimsoll_placement::journal::{Event, VERSION};
use serde::Deserialize;
use std::sync::Arc;

/// The first line of a log, and of every part that a server appended.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Header {
    plimsoll_decision_log: u32,
    #[allow(dead_code, reason = "for people who look into the file")]
    server: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at: i64,
    /// `account/region/name`
    pub cluster: Arc<str>,
    pub event: Event,
}

/// Counts the lines of a file.
#[derive(Debug)]
pub struct Lines {
    file: String,
    line: u64,
}

impl Lines {
    pub fn new(file: &str) -> Self {
        Lines { file: file.to_owned(), line: 0 }
    }

    /// The number of the line that was read last.
    pub fn number(&self) -> u64 {
        self.line
    }

    pub fn error(&self, problem: impl Into<String>) -> ReadError {
        ReadError { file: self.file.clone(), line: self.line, column: None, problem: problem.into() }
    }

    /// The next line, without its end; `None` for a header.
    pub fn read(&mut self, text: &str) -> Result<Option<Line>, ReadError> {
        self.line += 1;
        let is_header = text.starts_with("{\"plimsollDecisionLog\"");
        if !is_header && self.line > 1 {
            let line = serde_json::from_str(text);
            return line.map(Some).map_err(|error| self.error(format!("expected a decision: {error}")));
        }
        let header: Header = serde_json::from_str(text).map_err(|error| {
            self.error(format!(
                "expected the header of a decision log, {{\"plimsollDecisionLog\":{VERSION},...}}: {error}"
            ))
        })?;
        let version = header.plimsoll_decision_log;
        if version != VERSION {
            return Err(self.error(format!("expected a decision log of version {VERSION}, found version {version}")));
        }
        Ok(None)
    }

    /// After the last line.
    pub fn end(&self) -> Result<(), ReadError> {
        match self.line {
            0 => Err(self.error("expected the header of a decision log, found an empty file")),
            _ => Ok(()),
        }
    }
}
