//! What is being done to which container, for runtimes whose requests are served by jobs of their own.
//!
//! Jobs of one container follow each other; those of different ones do not wait for each other.

use plimsoll_core::node::{ContainerRef, Run};
use plimsoll_model::{HealthStatus, TaskId};
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
    run: Run,
    phase: Phase,
    /// Something happened to it that could not be looked at while it was starting.
    disturbed: bool,
    /// As last told.
    health: HealthStatus,
    /// Looks begun, and the last one whose verdict on the health was told.
    looks: u64,
    health_look: u64,
    /// A stop is under way and will answer, unless the end was seen and told meanwhile.
    stopping: bool,
    end_told: bool,
    /// Fired by whoever does not want the start any more.
    unwanted: CancellationToken,
    /// Fired when the start is over, however it ended.
    start_over: CancellationToken,
}

/// A look at a container that is up: of its run it may tell the end, of its health what no later look has told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    pub container: ContainerRef,
    /// The runtime's.
    pub id: Arc<str>,
    pub run: Run,
    number: u64,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Phase {
    /// Its start tells how it went; what is seen of it meanwhile is not news.
    Starting,
    /// By the runtime's id.
    Up(Arc<str>),
    Over,
}

impl Book {
    /// `None`: that run was started before, or it is to stop.
    pub(crate) fn begin_start(
        &mut self,
        container: ContainerRef,
        run: Run,
        stop: &CancellationToken,
    ) -> Option<(CancellationToken, CancellationToken)> {
        let next_run = |entry: &Entry| entry.run < run && entry.phase == Phase::Over && !entry.stopping;
        if stop.is_cancelled() || !self.containers.get(&container).is_none_or(next_run) {
            return None;
        }
        let mut entry = Entry::settled(Phase::Starting);
        entry.run = run;
        entry.unwanted = stop.child_token();
        entry.start_over = CancellationToken::new();
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
        entry.end_told = false;
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

    /// Whether it was disturbed on the way: then it has to be looked at.
    pub(crate) fn up(&mut self, container: ContainerRef, id: Arc<str>) -> bool {
        let entry = self.containers.entry(container).or_insert_with(|| Entry::settled(Phase::Starting));
        entry.phase = Phase::Up(id);
        entry.health = HealthStatus::Unknown;
        std::mem::take(&mut entry.disturbed)
    }

    /// By a stop, or found so at adoption. `None`: told while the stop was under way; otherwise the run it is about.
    pub(crate) fn end(&mut self, container: ContainerRef) -> Option<Run> {
        let entry = self.containers.entry(container).or_insert_with(|| Entry::settled(Phase::Over));
        entry.stopping = false;
        entry.phase = Phase::Over;
        (!std::mem::take(&mut entry.end_told)).then_some(entry.run)
    }

    /// Whether that is news. A look that saw the end of an earlier run says nothing of the next.
    pub(crate) fn end_seen(&mut self, look: &Look) -> bool {
        let Some(entry) = self.containers.get_mut(&look.container) else { return false };
        if entry.run != look.run || !matches!(entry.phase, Phase::Up(_)) {
            return false;
        }
        entry.phase = Phase::Over;
        entry.end_told = entry.stopping;
        true
    }

    /// Told by other ways than a look.
    pub(crate) fn health_known(&mut self, container: ContainerRef, health: HealthStatus) {
        if let Some(entry) = self.containers.get_mut(&container) {
            entry.health = health;
        }
    }

    /// Whether that is news, and of the latest look.
    pub(crate) fn health_seen(&mut self, look: &Look, health: HealthStatus) -> bool {
        let Some(entry) = self.containers.get_mut(&look.container) else { return false };
        let current = entry.run == look.run && matches!(entry.phase, Phase::Up(_));
        if !current || entry.health_look >= look.number {
            return false;
        }
        entry.health_look = look.number;
        std::mem::replace(&mut entry.health, health) != health
    }

    /// `None`: it is not up. While it starts that is remembered.
    pub(crate) fn begin_look(&mut self, container: ContainerRef) -> Option<Look> {
        let entry = self.containers.get_mut(&container)?;
        match &entry.phase {
            Phase::Up(id) => {
                entry.looks += 1;
                Some(Look { container, id: Arc::clone(id), run: entry.run, number: entry.looks })
            }
            Phase::Starting => {
                entry.disturbed = true;
                None
            }
            Phase::Over => None,
        }
    }

    /// The runtime's id of a container that is up.
    pub(crate) fn id(&self, container: ContainerRef) -> Option<Arc<str>> {
        match &self.containers.get(&container)?.phase {
            Phase::Up(id) => Some(Arc::clone(id)),
            Phase::Starting | Phase::Over => None,
        }
    }

    /// With the health as last told.
    pub(crate) fn all_up(&self) -> Vec<(ContainerRef, Arc<str>, HealthStatus)> {
        let up = self.containers.iter().filter_map(|(container, entry)| match &entry.phase {
            Phase::Up(id) => Some((*container, Arc::clone(id), entry.health)),
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
        Entry {
            run: 0,
            phase,
            disturbed: false,
            health: HealthStatus::Unknown,
            looks: 0,
            health_look: 0,
            stopping: false,
            end_told: false,
            unwanted: CancellationToken::new(),
            start_over,
        }
    }
}

fn range_of(task: TaskId) -> std::ops::RangeInclusive<ContainerRef> {
    ContainerRef { task, index: 0 }..=ContainerRef { task, index: usize::MAX }
}
