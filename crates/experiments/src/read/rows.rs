//! Rows of a CSV file with a header, read by column name.

use super::{ReadError, Source};
use std::str::FromStr;

/// The columns a reader knows. Others are refused: a misspelt optional column would otherwise be as good as absent.
#[derive(Clone, Copy, Debug)]
pub struct Columns {
    pub required: &'static [&'static str],
    pub optional: &'static [&'static str],
}

pub struct Rows<'a> {
    source: Source<'a>,
    names: Vec<String>,
    records: csv::StringRecordsIntoIter<&'a [u8]>,
}

pub struct Row<'a> {
    source: Source<'a>,
    names: &'a [String],
    line: u64,
    record: csv::StringRecord,
}

impl<'a> Rows<'a> {
    pub fn new(source: Source<'a>, columns: Columns) -> Result<Self, ReadError> {
        let mut reader = csv::ReaderBuilder::new().from_reader(source.text.as_bytes());
        let headers = reader.headers().map_err(|error| malformed(&source, &error))?;
        let names: Vec<String> = headers.iter().map(|name| name.trim().to_owned()).collect();
        for (at, name) in names.iter().enumerate() {
            let expected = || columns.required.iter().chain(columns.optional).copied().collect::<Vec<_>>().join(", ");
            if !columns.required.contains(&name.as_str()) && !columns.optional.contains(&name.as_str()) {
                let problem = format!("unknown column {name:?}, expected {}", expected());
                return Err(source.error(1, Some((at + 1, "")), problem));
            }
            if names[..at].contains(name) {
                return Err(source.error(1, Some((at + 1, name)), "the column is there twice"));
            }
        }
        if let Some(missing) = columns.required.iter().find(|name| !names.iter().any(|known| known == **name)) {
            return Err(source.error(1, None, format!("expected a column {missing}, found {}", names.join(", "))));
        }
        Ok(Rows { source, names, records: reader.into_records() })
    }

    /// Of a file without a header: every row has these columns.
    pub fn headless(source: Source<'a>, names: &[&str]) -> Self {
        let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source.text.as_bytes());
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Rows { source, names, records: reader.into_records() }
    }

    /// The next row; `None` after the last.
    pub fn next(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let Some(record) = self.records.next() else { return Ok(None) };
        let record = record.map_err(|error| malformed(&self.source, &error))?;
        let line = record.position().map_or(0, csv::Position::line);
        if record.len() != self.names.len() {
            let problem = format!("expected {} columns, found {}", self.names.len(), record.len());
            return Err(self.source.error(line, None, problem));
        }
        Ok(Some(Row { source: self.source, names: &self.names, line, record }))
    }
}

impl Row<'_> {
    fn at(&self, column: &str) -> Option<usize> {
        self.names.iter().position(|name| name == column)
    }

    /// Nothing where the column is absent.
    pub fn text(&self, column: &str) -> &str {
        self.at(column).and_then(|at| self.record.get(at)).unwrap_or("").trim()
    }

    /// A whole number from `min` to `max`; `None` for an empty field or an absent column.
    pub fn optional<T>(&self, column: &str, min: T, max: T) -> Result<Option<T>, ReadError>
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse().ok().filter(|number: &T| *number >= min && *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(column, format!("expected a whole number from {min} to {max}, found {text:?}"))),
        }
    }

    /// A whole number from `min` to `max`.
    pub fn number<T>(&self, column: &str, min: T, max: T) -> Result<T, ReadError>
    where
        T: FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let number = self.optional(column, min, max)?;
        let nothing = || self.wrong(column, format!("expected a whole number from {min} to {max}, found nothing"));
        number.ok_or_else(nothing)
    }

    /// A number that is not negative, with or without a fraction; `None` for an empty field.
    pub fn decimal(&self, column: &str) -> Result<Option<f64>, ReadError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(column, format!("expected a number of 0 or more, found {text:?}"))),
        }
    }

    /// A number of either sign; `None` for an empty field.
    pub fn signed_decimal(&self, column: &str) -> Result<Option<f64>, ReadError> {
        let text = self.text(column);
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse().ok().filter(|number: &f64| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(column, format!("expected a number, found {text:?}"))),
        }
    }

    pub fn wrong(&self, column: &str, problem: impl Into<String>) -> ReadError {
        self.source.error(self.line, self.at(column).map(|at| (at + 1, column)), problem)
    }
}

fn malformed(source: &Source, error: &csv::Error) -> ReadError {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            source.error(line, None, format!("expected {expected_len} columns as in the header, found {len}"))
        }
        _ => source.error(line, None, format!("expected a row of text in UTF-8: {error}")),
    }
}
