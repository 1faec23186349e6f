//! What goes wrong in these worlds. Each must have gone wrong somewhere.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum $name {
            $($variant),+
        }

        impl $name {
            pub const ALL: &'static [$name] = &[$($name::$variant),+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text),+
                }
            }
        }
    };
}
pub(super) use words;

words!(
    /// Everything that happens to a run by chance and that nobody asked for.
    Mishap {
        MessageLost = "message lost",
        MessageDoubled = "message doubled",
        MessagesReordered = "messages reordered",
        ConnectionBroken = "connection broken",
        Partition = "partition",
        CoreCrashBeforeCommit = "core crash before commit",
        CoreCrashAfterCommit = "core crash after commit",
        CoreCrashIdle = "core crash while idle",
        CorePaused = "core paused",
        TakenOver = "paused core taken over",
        StaleWriterFenced = "stale writer fenced",
        CommitFailed = "commit failed",
        CommitUnknown = "commit unknown",
        CommitStalled = "commit stalled",
        ClockSet = "clock set by up to an hour",
        ClockFast = "clock fast",
        ClockSlow = "clock slow",
        NodeCrash = "node crash",
        NodePaused = "node paused",
        NodeRebooted = "node rebooted",
        NodeDied = "node died for good",
        IdentityLost = "identity lost",
        ContainerExit = "container exit",
        ContainerRemoved = "container removed",
        StartFailed = "start failed",
        StopLost = "stop lost",
        RuntimeEventDoubled = "runtime event doubled",
        Unhealthy = "unhealthy",
        UnhealthyForGood = "unhealthy for good",
    }
);
