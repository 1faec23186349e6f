//! What is wrong with an experiment, and where.

use crate::read::ReadError;
use std::ops::Range;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExperimentError {
    /// In the experiment's own file.
    #[error("{file}:{line}:{column}: {problem}")]
    Text { file: String, line: usize, column: usize, problem: String },
    /// In a file it names.
    #[error(transparent)]
    Trace(#[from] ReadError),
    /// What it adds up to.
    #[error("{file}: {problem}")]
    Whole { file: String, problem: String },
}

/// The experiment's file, to say where something is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub file: &'a str,
    pub text: &'a str,
}

impl Place<'_> {
    pub fn at(&self, span: Option<Range<usize>>, problem: impl Into<String>) -> ExperimentError {
        let problem = problem.into();
        let Some(before) = span.and_then(|span| self.text.get(..span.start)) else {
            return ExperimentError::Whole { file: self.file.to_owned(), problem };
        };
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|letter| *letter != '\n').count() + 1;
        ExperimentError::Text { file: self.file.to_owned(), line, column, problem }
    }

    pub fn toml(&self, error: &toml::de::Error) -> ExperimentError {
        self.at(error.span(), error.message().trim_end())
    }
}
