//! What stands after an operator: literals, lists, patterns.

use super::cursor::Parser;
use super::error::ParseError;
use regex::{Regex, RegexBuilder};
use std::ops::Range;

/// Bytes a compiled pattern may take. A pattern such as `\w{9999}` is refused, not compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

impl Parser<'_> {
    pub(super) fn typed_literal<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ParseError> {
        let (text, span) = self.literal(what)?;
        read(&text).ok_or_else(|| ParseError::new(self.text, span, format!("expected {what}")))
    }

    pub(super) fn literal(&mut self, what: &str) -> Result<(String, Range<usize>), ParseError> {
        self.skip_space();
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            return self.quoted(quote);
        }
        let start = self.at;
        // Ends at a connective even without a space, so that `a==1&&b==2` reads as it looks.
        while let Some(next) = self.peek() {
            let rest = &self.text[self.at..];
            if !is_bare(next) || rest.starts_with("&&") || rest.starts_with("||") {
                break;
            }
            self.at += next.len_utf8();
        }
        if start == self.at {
            return Err(self.error_here(&format!("expected {what}")));
        }
        Ok((self.text[start..self.at].to_owned(), start..self.at))
    }

    /// A backslash makes the next character stand for itself.
    pub(super) fn quoted(&mut self, quote: char) -> Result<(String, Range<usize>), ParseError> {
        let start = self.at;
        self.at += quote.len_utf8();
        let mut value = String::new();
        while let Some(next) = self.bump() {
            match next {
                '\\' => match self.bump() {
                    Some(escaped) => value.push(escaped),
                    None => break,
                },
                _ if next == quote => return Ok((value, start..self.at)),
                _ => value.push(next),
            }
        }
        Err(ParseError::new(self.text, start..start + 1, "this quotation mark is never closed"))
    }

    pub(super) fn list(&mut self) -> Result<Vec<String>, ParseError> {
        self.skip_space();
        let opened = self.at;
        if !self.take_symbol("[") {
            return Err(self.error_here("expected a list such as [a, b]"));
        }
        let mut values = Vec::new();
        loop {
            values.push(self.literal("a value in the list")?.0);
            self.skip_space();
            if self.take_symbol("]") {
                return Ok(values);
            }
            if !self.take_symbol(",") {
                return Err(match self.peek() {
                    None => ParseError::new(self.text, opened..opened + 1, "this list is never closed"),
                    Some(_) => self.error_here("expected ',' or ']'"),
                });
            }
        }
    }

    pub(super) fn pattern(&mut self) -> Result<Regex, ParseError> {
        self.skip_space();
        let start = self.at;
        if let Some(quote @ ('\'' | '"')) = self.peek() {
            let span = self.quoted_span(quote)?;
            let raw = &self.text[span.start + 1..span.end - 1];
            return self.compile(&unquote_pattern(raw, quote), span);
        }
        let mut open = 0usize;
        while let Some(next) = self.peek() {
            match next {
                _ if next.is_whitespace() => break,
                '(' => open += 1,
                ')' if open == 0 => break,
                ')' => open -= 1,
                // An escaped bracket neither opens nor closes.
                '\\' => self.at += 1,
                _ => {}
            }
            self.bump();
        }
        if start == self.at {
            return Err(self.error_here("expected a pattern"));
        }
        self.compile(&self.text[start..self.at], start..self.at)
    }

    pub(super) fn quoted_span(&mut self, quote: char) -> Result<Range<usize>, ParseError> {
        self.quoted(quote).map(|(_, span)| span)
    }

    /// The pattern must match the whole value (CQL-8). It is compiled by itself first, so that one with unbalanced
    /// brackets is not accepted because of the brackets put around it.
    pub(super) fn compile(&self, pattern: &str, span: Range<usize>) -> Result<Regex, ParseError> {
        let build = |text: &str| RegexBuilder::new(text).size_limit(PATTERN_BYTES_MAX).build();
        let anchored = build(pattern).and_then(|_| build(&format!(r"\A(?:{pattern})\z")));
        anchored.map_err(|error| {
            let message = match error {
                regex::Error::CompiledTooBig(limit) => format!("this pattern takes more than {limit} bytes compiled"),
                other => format!("invalid pattern: {}", last_line(&other.to_string())),
            };
            ParseError::new(self.text, span, message)
        })
    }
}

/// In a quoted pattern a backslash belongs to the pattern, except before the quotation mark it keeps from ending it.
fn unquote_pattern(raw: &str, quote: char) -> String {
    let mut pattern = String::new();
    let mut letters = raw.chars();
    while let Some(letter) = letters.next() {
        if letter == '\\' {
            let Some(escaped) = letters.next() else { break };
            if escaped != quote {
                pattern.push('\\');
            }
            pattern.push(escaped);
        } else {
            pattern.push(letter);
        }
    }
    pattern
}

/// The regex crate draws its own picture of the pattern and ends with the sentence.
fn last_line(message: &str) -> &str {
    let line = message.lines().last().unwrap_or(message).trim();
    line.strip_prefix("error: ").unwrap_or(line)
}

fn is_bare(letter: char) -> bool {
    !letter.is_whitespace() && !matches!(letter, '(' | ')' | '[' | ']' | ',' | '\'' | '"')
}
