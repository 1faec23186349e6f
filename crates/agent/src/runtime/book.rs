//! What is being done to which container, for runtimes whose requests are served by jobs of their own.
//!
//! Jobs of one container follow each other; those of different ones do not wait for each other.

use plimsoll_core::node::ContainerRef;
use plimsoll_model::TaskId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Containers that exist or are about to. What is only a leftover to be removed is not in here.
#[derive(Default)]
pub(crate) struct Book {
    containers: BTreeMap<ContainerRef, Entry>,
    removing: BTreeSet<TaskId>,
}

struct Entry {
    phase: Phase,
    /// A stop is under way and will answer.
    stopping: bool,
    /// Fired by whoever does not want the start any more.
    unwanted: CancellationToken,
    /// Fired when the start is over, however it ended.
    start_over: CancellationToken,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Phase {
    /// Its start tells how it went; what is seen of it meanwhile is not news.
    Starting,
    /// By the runtime's id.
    Up(Arc<str>),
    Over,
}

impl Book {
    /// `None`: it was started before.
    pub(crate) fn begin_start(
        &mut self,
        container: ContainerRef,
        stop: &CancellationToken,
    ) -> Option<(CancellationToken, CancellationToken)> {
        if self.containers.contains_key(&container) || stop.is_cancelled() {
            return None;
        }
        let entry = Entry {
            phase: Phase::Starting,
            stopping: false,
            unwanted: stop.child_token(),
            start_over: CancellationToken::new(),
        };
        let tokens = (entry.unwanted.clone(), entry.start_over.clone());
        self.containers.insert(container, entry);
        Some(tokens)
    }

    /// `None`: one is under way. A container nobody started here is looked for all the same.
    pub(crate) fn begin_stop(&mut self, container: ContainerRef) -> Option<CancellationToken> {
        let entry = self.containers.entry(container).or_insert_with(|| Entry::settled(Phase::Over));
        if entry.stopping {
            return None;
        }
        entry.stopping = true;
        entry.unwanted.cancel();
        Some(entry.start_over.clone())
    }

    /// `None`: it is being removed. Otherwise the ends of starts to wait for.
    pub(crate) fn begin_remove(&mut self, task: TaskId) -> Option<Vec<CancellationToken>> {
        if !self.removing.insert(task) {
            return None;
        }
        let entries = self.containers.range_mut(range_of(task));
        let starts = entries.map(|(_, entry)| {
            entry.unwanted.cancel();
            entry.start_over.clone()
        });
        Some(starts.collect())
    }

    pub(crate) fn end_remove(&mut self, task: TaskId) {
        self.removing.remove(&task);
        let gone: Vec<ContainerRef> = self.containers.range(range_of(task)).map(|(container, _)| *container).collect();
        for container in gone {
            self.containers.remove(&container);
        }
    }

    /// A start that led to nothing; unlike [`Book::end`] it leaves a stop under way alone.
    pub(crate) fn give_up(&mut self, container: ContainerRef) {
        if let Some(entry) = self.containers.get_mut(&container) {
            entry.phase = Phase::Over;
        }
    }

    pub(crate) fn up(&mut self, container: ContainerRef, id: Arc<str>) {
        let entry = self.containers.entry(container).or_insert_with(|| Entry::settled(Phase::Starting));
        entry.phase = Phase::Up(id);
    }

    /// Whether that is news.
    pub(crate) fn end(&mut self, container: ContainerRef) -> bool {
        let entry = self.containers.entry(container).or_insert_with(|| Entry::settled(Phase::Over));
        entry.stopping = false;
        std::mem::replace(&mut entry.phase, Phase::Over) != Phase::Over
    }

    pub(crate) fn phase(&self, container: ContainerRef) -> Option<Phase> {
        self.containers.get(&container).map(|entry| entry.phase.clone())
    }

    pub(crate) fn all_up(&self) -> Vec<(ContainerRef, Arc<str>)> {
        let up = self.containers.iter().filter_map(|(container, entry)| match &entry.phase {
            Phase::Up(id) => Some((*container, Arc::clone(id))),
            Phase::Starting | Phase::Over => None,
        });
        up.collect()
    }
}

impl Entry {
    /// Of a container whose start, if there was one, is over.
    fn settled(phase: Phase) -> Self {
        let start_over = CancellationToken::new();
        start_over.cancel();
        Entry { phase, stopping: false, unwanted: CancellationToken::new(), start_over }
    }
}

fn range_of(task: TaskId) -> std::ops::RangeInclusive<ContainerRef> {
    ContainerRef { task, index: 0 }..=ContainerRef { task, index: usize::MAX }
}
