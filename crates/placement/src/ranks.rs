//! The tasks of groups by domain, for a view that counts nobody's.
//!
//! A group with tasks on many instances ranks the few domains of a narrow view by itself: its counts are summed up once
//! and follow the notes from then on, so that any number of groups shares one view.

use crate::GroupIdx;
use crate::branches::Domain;
use std::collections::BTreeMap;

/// Groups whose counts are kept.
const GROUPS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Ranks {
    /// Live tasks by domain, as far as a domain ever had some.
    by_group: BTreeMap<GroupIdx, Vec<u32>>,
}

impl Ranks {
    /// Live tasks by domain, if they are known.
    pub fn of(&self, group: GroupIdx) -> Option<&[u32]> {
        self.by_group.get(&group).map(Vec::as_slice)
    }

    pub fn keep(&mut self, group: GroupIdx, tasks: Vec<u32>) {
        if self.by_group.len() >= GROUPS_MAX {
            self.by_group.clear();
        }
        self.by_group.insert(group, tasks);
    }

    /// Counts a change of live tasks, if the group is known.
    pub fn count(&mut self, group: GroupIdx, live: i8, domains: impl Iterator<Item = Domain>) {
        let Some(tasks) = self.by_group.get_mut(&group) else { return };
        for domain in domains.map(|domain| domain as usize) {
            if tasks.len() <= domain {
                tasks.resize(domain + 1, 0);
            }
            let counted = tasks[domain].checked_add_signed(i32::from(live));
            tasks[domain] = counted.expect("a domain has no fewer tasks than were counted");
        }
    }

    pub fn forget(&mut self) {
        self.by_group.clear();
    }
}
