//! What an instance has to be like for a kind of task, whatever there is room for.

use crate::{Expression, Fleet, InstanceIdx};
use std::sync::Arc;

/// The part of a [`crate::Request`] that looks at the instance and not at what is free on it.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    pub required_attributes: &'a [Arc<str>],
    pub member_of: &'a [Arc<Expression>],
    pub external: bool,
}

impl Fleet {
    /// Whether the instance is one for such a task.
    pub fn suits(&self, idx: InstanceIdx, terms: &Terms<'_>) -> bool {
        let facts = self.facts(idx, None);
        self.hot(idx).is_reachable()
            && self.is_of_kind(idx, terms)
            && terms.member_of.iter().all(|expression| expression.holds(&facts))
    }

    /// Whether the instance goes on being one for a task that is there. What the instance is decides; its other tasks
    /// and its connection do not, or a constraint about them would be true and false by turns.
    pub fn still_suits(&self, idx: InstanceIdx, terms: &Terms<'_>) -> bool {
        let facts = self.facts(idx, None);
        self.is_of_kind(idx, terms) && terms.member_of.iter().all(|expression| expression.may_hold(&facts))
    }

    fn is_of_kind(&self, idx: InstanceIdx, terms: &Terms<'_>) -> bool {
        let has = |name: &Arc<str>| self.word(name).is_some_and(|word| self.attribute(idx, word).is_some());
        let hot = self.hot(idx);
        hot.active && hot.external == terms.external && terms.required_attributes.iter().all(has)
    }
}
