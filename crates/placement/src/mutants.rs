//! Bugs planted on purpose, so that the simulator can show that it finds them. Only with the feature `mutants`, which no
//! binary can be built with, is any of them compiled, and then at most one is switched on, per thread.

/// `mutant!(Name => wrong, right)` is `right`, unless the bug of that name is switched on.
#[cfg(not(feature = "mutants"))]
#[macro_export]
macro_rules! mutant {
    ($name:ident => $wrong:expr, $right:expr) => {
        $right
    };
}

/// `mutant!(Name => wrong, right)` is `right`, unless the bug of that name is switched on.
#[cfg(feature = "mutants")]
#[macro_export]
macro_rules! mutant {
    ($name:ident => $wrong:expr, $right:expr) => {
        if $crate::mutants::is_on($crate::mutants::Mutant::$name) { $wrong } else { $right }
    };
}

/// Whether this build contains planted bugs.
pub const PLANTED: bool = cfg!(feature = "mutants");

#[cfg(feature = "mutants")]
pub use on::{is_on, switch_on};

#[cfg(feature = "mutants")]
mod on {
    use super::Mutant;
    use std::cell::Cell;

    thread_local! {
        static ON: Cell<Option<Mutant>> = const { Cell::new(None) };
    }

    /// For everything this thread does from here on.
    pub fn switch_on(mutant: Option<Mutant>) {
        ON.set(mutant);
    }

    pub fn is_on(mutant: Mutant) -> bool {
        ON.get() == Some(mutant)
    }
}

#[cfg(feature = "mutants")]
macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Mutant {
            $($(#[$doc])* $name),+
        }

        impl Mutant {
            pub const ALL: &'static [Mutant] = &[$(Mutant::$name),+];
        }
    };
}

#[cfg(feature = "mutants")]
mutants! {
    /// A node that is not connected takes tasks.
    PlacesOnDisconnected,
    /// A DRAINING instance takes tasks.
    PlacesOnDraining,
    /// A task that is stopping does not keep another of its group away.
    DistinctForgetsStopping,
    /// memberOf is not looked at.
    MemberOfIsIgnored,
    /// A port is free for a second task.
    PortsAreShared,
    /// The oldest goes first.
    StopsTheOldest,
    /// Where there are fewest, one goes.
    StopsWhereFewest,
    /// What a task holds is given back when it is told to stop.
    FreesAtStopping,
    /// The minimum is rounded down and the maximum up.
    RoundsTheWrongWay,
    /// Tasks that are PENDING are not there.
    ForgetsPending,
    /// Reports of sessions of long ago count.
    TakesReportsOfAnySession,
    /// Reports count again, and in any order.
    TakesOldReports,
    /// What a report says of a STOPPED task is believed.
    ResurrectsStopped,
    /// The tasks of a deregistered instance stay as they are.
    LeaksOnDeregister,
    /// After a take-over the grace of silent nodes counts from a stored time.
    GraceFromStoredTime,
    /// However many are silent, all are lost at once.
    NoBrake,
    /// A token is not kept with what it led to.
    ForgetsTokens,
    /// What it told to stop itself it still takes for serving.
    DecidesOnStaleTasks,
    /// Services do not hear that an instance drains.
    DrainIsNotHeard,
    /// Nothing waits after failures.
    NoBackOff,
    /// Each failure counts twice.
    CountsFailuresTwice,
    /// What was said is said again.
    RepeatsEvents,
    /// Room is made whatever the minimum says.
    MakesRoomBelowMinimum,
    /// Unhealthy tasks stay.
    UnhealthyStay,
    /// A task is STOPPED when it is told to stop.
    StopsWithoutAsking,
    /// Who waits for capacity waits for ever.
    NeverLooksAgain,
    /// Tasks that wait for an instance are not looked at when there are more.
    WaitingTasksStay,
    /// As many tasks wait for an instance as are asked for.
    WaitingIsUnlimited,
    /// A task waits for an instance however long it takes.
    WaitsForEver,
    /// Who waits for capacity asks again at once.
    AsksAgainAtOnce,
    /// A superseded deployment starts tasks.
    SupersededStarts,
    /// A task is healthy as soon as it runs.
    HealthyTooSoon,
    /// Nobody looks again when a task has run long enough.
    HealthTimerIsLost,
    /// Protected tasks are chosen like any other.
    ProtectionIsIgnored,
    /// A late welcome is obeyed.
    LateWelcomeIsObeyed,
    /// A welcome of an older epoch is obeyed.
    OldEpochIsObeyed,
    /// A gap in the commands is not noticed.
    GapIsIgnored,
    /// The agent starts whatever it is told to.
    AdmitsEverything,
    /// A stop is asked for once.
    NeverStopsAgain,
    /// What should be stopping according to a welcome goes on.
    WelcomeDoesNotStop,
    /// The exit code of a container that ended without an agent is lost.
    ForgetsExitCodes,
    /// A report that is not acknowledged is not told again.
    ReportsOnce,
    /// Without a connection an agent stops its tasks.
    StopsWhenDisconnected,
    /// The remains of a task are left behind.
    LeavesRemains,
    /// A stale writer's commit is not refused (planted in the simulator's model of the store).
    FenceIsForgotten,
}
