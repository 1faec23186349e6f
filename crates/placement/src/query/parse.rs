//! From text to [`Condition`], by recursive descent over the grammar of CQL-1.
//!
//! There is no separate lexer because what a token is depends on its place: a literal ends at a bracket, a pattern at
//! a bracket it did not open.

use super::cursor::Parser;
use super::error::ParseError;
use super::eval::{Comparison, Condition, Question, SetTest, TextTest};
use super::grammar::{Operator, SYMBOL_OPERATORS, Subject, WORD_OPERATORS};
use super::literal::{Version, parse_instant};
use crate::strategy::{EXPRESSION_CHARS_MAX, is_attribute_char};
use std::ops::Range;

/// Brackets inside brackets; keeps a hostile expression off the end of the stack.
const NESTING_MAX: usize = 64;

pub(super) fn parse(text: &str) -> Result<Condition, ParseError> {
    let length = text.chars().count();
    if length > EXPRESSION_CHARS_MAX {
        let message = format!("the expression has {length} characters, more than {EXPRESSION_CHARS_MAX}");
        return Err(ParseError::new(text, 0..0, message));
    }
    let mut parser = Parser::new(text);
    let condition = parser.any()?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(condition),
        Some(')') => Err(parser.error_here("this bracket closes nothing")),
        Some(_) => Err(parser.error_here("expected 'and', 'or' or the end of the expression")),
    }
}

/// `expr`, `or`, `and`, `unary`, `primary`.
impl Parser<'_> {
    fn any(&mut self) -> Result<Condition, ParseError> {
        let mut parts = vec![self.all()?];
        while self.connective("||", "or")? {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::Any(parts) })
    }

    fn all(&mut self) -> Result<Condition, ParseError> {
        let mut parts = vec![self.unary()?];
        while self.connective("&&", "and")? {
            parts.push(self.unary()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Condition::All(parts) })
    }

    fn unary(&mut self) -> Result<Condition, ParseError> {
        let mut negated = false;
        loop {
            self.skip_space();
            let not = self.take_symbol("!") || self.take_not_word();
            if !not {
                break;
            }
            negated = !negated;
        }
        let condition = self.primary()?;
        Ok(if negated { Condition::Not(Box::new(condition)) } else { condition })
    }

    fn primary(&mut self) -> Result<Condition, ParseError> {
        let opened = self.at;
        if !self.take_symbol("(") {
            return self.predicate();
        }
        if self.nesting == NESTING_MAX {
            let message = format!("brackets are nested more than {NESTING_MAX} deep");
            return Err(ParseError::new(self.text, opened..opened + 1, message));
        }
        self.nesting += 1;
        let condition = self.any()?;
        self.nesting -= 1;
        self.skip_space();
        if self.take_symbol(")") {
            return Ok(condition);
        }
        Err(match self.peek() {
            None => ParseError::new(self.text, opened..opened + 1, "this bracket is never closed"),
            Some(_) => self.error_here("expected 'and', 'or' or ')'"),
        })
    }

    /// `&&` and `||` stand anywhere, `and` and `or` between spaces (CQL-2).
    fn connective(&mut self, symbol: &str, word: &str) -> Result<bool, ParseError> {
        self.skip_space();
        if self.take_symbol(symbol) {
            return Ok(true);
        }
        let spaced = self.text[..self.at].ends_with(char::is_whitespace);
        let found = self.peek_word();
        if &self.text[found.clone()] != word {
            return Ok(false);
        }
        self.at = found.end;
        if !spaced || !self.peek().is_none_or(char::is_whitespace) {
            return Err(ParseError::new(self.text, found, format!("'{word}' needs a space before and after it")));
        }
        Ok(true)
    }

    /// Before a bracket `not` needs no space: `not(...)` is how it is usually written.
    fn take_not_word(&mut self) -> bool {
        let found = self.peek_word();
        let ends = self.text[found.end..].chars().next().is_none_or(|next| next == '(' || next.is_whitespace());
        let is_not = ends && &self.text[found.clone()] == "not";
        if is_not {
            self.at = found.end;
        }
        is_not
    }
}

/// `predicate`, `subject` and the operators.
impl Parser<'_> {
    fn predicate(&mut self) -> Result<Condition, ParseError> {
        let (subject, name) = self.subject()?;
        let spaced = self.skip_space();
        let (operator, span) = self.operator(spaced)?;
        if !subject.allows(operator) {
            let (name, used) = (&self.text[name], &self.text[span.clone()]);
            let message = format!("operator '{used}' does not apply to '{name}', only {}", subject.operators());
            return Err(ParseError::new(self.text, span, message));
        }
        match subject {
            Subject::Attribute(name) => Ok(Condition::Attribute { name, test: self.set_test(operator)? }),
            Subject::TaskGroup => Ok(Condition::TaskGroup(self.set_test(operator)?)),
            Subject::AgentConnected => Ok(Condition::AgentConnected(self.text_test(operator)?)),
            Subject::Ec2InstanceId => Ok(Condition::Ec2InstanceId(self.text_test(operator)?)),
            Subject::AgentVersion => {
                let wanted = self.typed_literal("a version such as 1.14.5", Version::parse)?;
                Ok(Condition::AgentVersion(operator.comparison(), wanted))
            }
            Subject::RegisteredAt => {
                let wanted = self.typed_literal("a time such as 2018-06-18T22:28:28+00:00", parse_instant)?;
                Ok(Condition::RegisteredAt(operator.comparison(), wanted))
            }
            Subject::RunningTasksCount => {
                let wanted = self.typed_literal("a whole number", whole_number)?;
                Ok(Condition::RunningTasksCount(operator.comparison(), wanted))
            }
        }
    }

    fn subject(&mut self) -> Result<(Subject, Range<usize>), ParseError> {
        let start = self.at;
        if self.take_symbol("attribute:") {
            let name = self.take_while(is_attribute_char);
            if name.is_empty() {
                return Err(self.error_here("expected an attribute name after 'attribute:'"));
            }
            return Ok((Subject::Attribute(self.text[name].into()), start..self.at));
        }
        let word = self.take_while(|next| is_attribute_char(next) || next == ':');
        let subject = match &self.text[word.clone()] {
            "task:group" => Subject::TaskGroup,
            "agentConnected" => Subject::AgentConnected,
            "ec2InstanceId" => Subject::Ec2InstanceId,
            "agentVersion" => Subject::AgentVersion,
            "registeredAt" => Subject::RegisteredAt,
            "runningTasksCount" => Subject::RunningTasksCount,
            "" => {
                self.at = start;
                return Err(self.error_here("expected a subject such as 'attribute:<name>' or 'task:group'"));
            }
            unknown => {
                let message = format!(
                    "unknown subject '{unknown}', expected attribute:<name>, agentConnected, agentVersion, \
                     ec2InstanceId, registeredAt, runningTasksCount or task:group"
                );
                return Err(ParseError::new(self.text, word, message));
            }
        };
        Ok((subject, word))
    }

    /// Word operators stand between spaces; what looks like a longer word is not the operator (CQL-2).
    fn operator(&mut self, spaced: bool) -> Result<(Operator, Range<usize>), ParseError> {
        let start = self.at;
        for &(symbol, operator) in SYMBOL_OPERATORS {
            if self.take_symbol(symbol) {
                let span = start..self.at;
                // `!in` and `!exists` end like words.
                if symbol.ends_with(char::is_alphabetic) {
                    self.word_ends(operator, span.clone())?;
                }
                return Ok((operator, span));
            }
        }
        let word = self.peek_word();
        let known = WORD_OPERATORS.iter().find(|(name, _)| *name == &self.text[word.clone()]);
        let Some(&(_, operator)) = known else {
            return Err(match self.peek() {
                None => self.error_here("expected an operator such as '==' or 'exists', found the end"),
                Some(_) if word.is_empty() => self.error_here("expected an operator such as '==' or 'exists'"),
                Some(_) => {
                    let message = format!("unknown operator '{}'", &self.text[word.clone()]);
                    ParseError::new(self.text, word, message)
                }
            });
        };
        if !spaced {
            return Err(ParseError::new(self.text, word, "a word operator needs a space before it"));
        }
        self.at = word.end;
        self.word_ends(operator, word.clone())?;
        Ok((operator, word))
    }

    fn word_ends(&self, operator: Operator, span: Range<usize>) -> Result<(), ParseError> {
        let next = self.peek();
        let ends = match operator {
            // Nothing follows as an operand: whatever cannot continue the word ends it.
            Operator::Exists | Operator::NotExists => next.is_none_or(|next| !is_attribute_char(next)),
            _ => next.is_none_or(char::is_whitespace),
        };
        let used = &self.text[span.clone()];
        if ends { Ok(()) } else { Err(ParseError::new(self.text, span, format!("'{used}' needs a space after it"))) }
    }

    fn set_test(&mut self, operator: Operator) -> Result<SetTest, ParseError> {
        match operator {
            Operator::Exists => Ok(SetTest::Exists),
            Operator::NotExists => Ok(SetTest::NotExists),
            _ => Ok(SetTest::Value(self.text_test(operator)?)),
        }
    }

    fn text_test(&mut self, operator: Operator) -> Result<TextTest, ParseError> {
        let (negated, question) = match operator {
            Operator::Compare(Comparison::NotEqual) => {
                (true, Question::Compare(Comparison::Equal, self.literal("a value")?.0))
            }
            Operator::Compare(comparison) => (false, Question::Compare(comparison, self.literal("a value")?.0)),
            Operator::In => (false, Question::In(self.list()?)),
            Operator::NotIn => (true, Question::In(self.list()?)),
            Operator::Matches => (false, Question::Matches(self.pattern()?)),
            Operator::NotMatches => (true, Question::Matches(self.pattern()?)),
            Operator::Exists | Operator::NotExists => unreachable!("a text that is there is not asked whether it is"),
        };
        Ok(TextTest { negated, question })
    }
}

fn whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
