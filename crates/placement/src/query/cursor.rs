//! A place in the text, and the smallest steps on from it.

use super::error::ParseError;
use std::ops::Range;

pub(super) struct Parser<'a> {
    pub text: &'a str,
    /// Byte of the next character.
    pub at: usize,
    /// Brackets that are open.
    pub nesting: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Parser { text, at: 0, nesting: 0 }
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    pub(super) fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    /// Whether there was any.
    pub(super) fn skip_space(&mut self) -> bool {
        !self.take_while(char::is_whitespace).is_empty()
    }

    pub(super) fn take_while(&mut self, accepts: impl Fn(char) -> bool) -> Range<usize> {
        let start = self.at;
        while self.peek().is_some_and(&accepts) {
            self.bump();
        }
        start..self.at
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.text[self.at..].starts_with(symbol);
        if found {
            self.at += symbol.len();
        }
        found
    }

    pub(super) fn peek_word(&self) -> Range<usize> {
        let rest = &self.text[self.at..];
        let length = rest.find(|next: char| !next.is_ascii_alphanumeric() && next != '_').unwrap_or(rest.len());
        self.at..self.at + length
    }

    /// Marks the next character, or the place behind the last one.
    pub(super) fn error_here(&self, message: &str) -> ParseError {
        let length = self.peek().map_or(0, char::len_utf8);
        ParseError::new(self.text, self.at..self.at + length, message)
    }
}
