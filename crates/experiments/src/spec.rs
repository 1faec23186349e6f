//! A policy as an experiment asks for it: a name, options, and what to call it in tables.

use plimsoll_placement::policy::{self, Chosen, Context, OptionValue, Options, PolicyError};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySpec {
    pub label: String,
    pub name: String,
    pub options: Options,
}

impl PolicySpec {
    pub fn new(label: &str, name: &str) -> Self {
        PolicySpec { label: label.to_owned(), name: name.to_owned(), options: Options::new() }
    }

    pub fn with(mut self, option: &str, value: OptionValue) -> Self {
        self.options.insert(option.to_owned(), value);
        self
    }

    pub fn text(self, option: &str, text: &str) -> Self {
        self.with(option, OptionValue::Text(text.to_owned()))
    }

    pub fn texts(self, option: &str, texts: &[&str]) -> Self {
        self.with(option, OptionValue::Texts(texts.iter().map(|text| (*text).to_owned()).collect()))
    }

    pub fn integer(self, option: &str, number: i64) -> Self {
        self.with(option, OptionValue::Integer(number))
    }

    pub fn choose(&self, context: &Context) -> Result<Chosen, PolicyError> {
        policy::choose(&self.name, &self.options, context)
    }
}
