//! What is wrong with an expression, and where.

use std::fmt;
use std::ops::Range;

/// Shown as the sentence, the expression, and a line of carets under the characters meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParseError {
    pub message: String,
    /// Bytes of `source`, on character boundaries.
    pub span: Range<usize>,
    /// The whole expression as it was given.
    pub source: String,
}

impl ParseError {
    pub(super) fn new(source: &str, span: Range<usize>, message: impl Into<String>) -> Self {
        assert!(source.is_char_boundary(span.start), "span {span:?} starts inside a character");
        assert!(source.is_char_boundary(span.end), "span {span:?} ends inside a character");
        ParseError { message: message.into(), span, source: source.to_owned() }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One character stays one column: line breaks and tabs would move the carets away from what they mark.
        let shown: String = self.source.chars().map(|one| if one.is_control() { ' ' } else { one }).collect();
        let before = self.source[..self.span.start].chars().count();
        let marked = self.source[self.span.clone()].chars().count().max(1);
        write!(f, "{}\n{shown}\n{}{}", self.message, " ".repeat(before), "^".repeat(marked))
    }
}

/// The field `source` is the expression, not a cause: there is none beneath a syntax error.
impl std::error::Error for ParseError {}
