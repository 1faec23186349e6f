//! A policy as an experiment asks for it: a name, options, and what to call it in tables.

use plimsoll_placement::policy::{
    self, Chosen, Context, NodeOrder, OptionReader, OptionValue, Options, PolicyError, TieBreak,
};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySpec {
    pub label: String,
    pub name: String,
    pub options: Options,
    pub origin: Origin,
}

/// Where a policy comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The registry of the placement crate knows the name.
    Registry,
    /// Whoever runs the experiment brings it; the name is only shown.
    Outside,
}

impl PolicySpec {
    pub fn new(label: &str, name: &str) -> Self {
        PolicySpec { label: label.to_owned(), name: name.to_owned(), options: Options::new(), origin: Origin::Registry }
    }

    /// One that is brought along. Its only options are `tie_break` and `node_order`.
    pub fn outside(label: &str, name: &str) -> Self {
        PolicySpec { origin: Origin::Outside, ..PolicySpec::new(label, name) }
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

    /// Makes the policy. It must be one of the registry.
    pub fn choose(&self, context: &Context) -> Result<Chosen, PolicyError> {
        assert_eq!(self.origin, Origin::Registry, "policy {} has to be brought along", self.label);
        policy::choose(&self.name, &self.options, context)
    }

    /// Refuses unknown options and wrong values.
    pub fn check(&self, context: &Context) -> Result<(), PolicyError> {
        match self.origin {
            Origin::Registry => self.choose(context).map(|_| ()),
            Origin::Outside => self.orders().map(|_| ()),
        }
    }

    /// The options of a policy that is brought along.
    pub(crate) fn orders(&self) -> Result<(TieBreak, NodeOrder), PolicyError> {
        let mut reader = OptionReader::new(&self.name, &self.options);
        let orders = (reader.tie_break()?, reader.node_order()?);
        reader.finish()?;
        Ok(orders)
    }
}
