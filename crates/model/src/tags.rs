//! Tags: free-form pairs a user attaches to an object (TAG-1).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub type Tags = BTreeMap<Arc<str>, Arc<str>>;

/// Tags that one object can have, managed ones not counted (TAG-1).
pub const TAGS_MAX: usize = 50;

/// Keys of tags that the platform sets itself begin with it; users neither set nor remove them.
pub const MANAGED_TAG_PREFIX: &str = "aws:";

/// What TagResource and UntagResource do to an object's tags (TAG-2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TagChange {
    /// Adds; a key that is there already takes the given value.
    Put(Tags),
    /// Keys that are not there are passed over.
    Remove(BTreeSet<Arc<str>>),
}

/// The object would have more tags than it can have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{count} tags exceed {TAGS_MAX}")]
pub struct TooManyTags {
    pub count: usize,
}

impl TagChange {
    pub fn applied_to(&self, before: &Tags) -> Result<Tags, TooManyTags> {
        let mut after = before.clone();
        match self {
            TagChange::Put(tags) => after.extend(tags.iter().map(|(key, value)| (key.clone(), value.clone()))),
            TagChange::Remove(keys) => after.retain(|key, _| !keys.contains(key)),
        }
        let count = after.keys().filter(|key| !key.starts_with(MANAGED_TAG_PREFIX)).count();
        if count > TAGS_MAX { Err(TooManyTags { count }) } else { Ok(after) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        pairs.iter().map(|(key, value)| (Arc::from(*key), Arc::from(*value))).collect()
    }

    #[test]
    fn tag2_tags_are_merged_and_absent_keys_are_passed_over() {
        let before = tags(&[("a", "1"), ("b", "2")]);
        let put = TagChange::Put(tags(&[("b", "3"), ("c", "")]));
        assert_eq!(put.applied_to(&before), Ok(tags(&[("a", "1"), ("b", "3"), ("c", "")])));
        let remove = TagChange::Remove(["b".into(), "z".into()].into());
        assert_eq!(remove.applied_to(&before), Ok(tags(&[("a", "1")])));
    }

    #[test]
    fn tag1_managed_tags_are_not_counted() {
        let many: Tags = (0..TAGS_MAX).map(|n| (Arc::from(format!("k{n}")), "".into())).collect();
        let managed = TagChange::Put(tags(&[("aws:ecs:clusterName", "default")]));
        assert!(managed.applied_to(&many).is_ok());
        let one_more = TagChange::Put(tags(&[("another", "")]));
        assert_eq!(one_more.applied_to(&many), Err(TooManyTags { count: TAGS_MAX + 1 }));
        let another_value = TagChange::Put(tags(&[("k7", "new")]));
        assert_eq!(another_value.applied_to(&many).unwrap()["k7"], "new".into());
    }
}
