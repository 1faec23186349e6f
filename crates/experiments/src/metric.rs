//! What is measured. Each metric is one number per run; some are also curves.

use serde::Serialize;

/// Which way is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Higher,
    Lower,
}

macro_rules! metrics {
    ($($(#[doc = $about:literal])+ $variant:ident = $key:literal, $title:literal, $unit:literal, $better:ident;)+) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Metric { $($(#[doc = $about])+ $variant),+ }

        impl Metric {
            pub const ALL: &[Metric] = &[$(Metric::$variant),+];

            pub fn key(self) -> &'static str {
                match self { $(Metric::$variant => $key),+ }
            }

            pub fn title(self) -> &'static str {
                match self { $(Metric::$variant => $title),+ }
            }

            pub fn unit(self) -> &'static str {
                match self { $(Metric::$variant => $unit),+ }
            }

            pub fn better(self) -> Better {
                match self { $(Metric::$variant => Better::$better),+ }
            }

            pub fn about(self) -> String {
                match self { $(Metric::$variant => [$($about.trim()),+].join(" ")),+ }
            }
        }
    };
}

metrics! {
    /// Allocated share of the dominant dimension, the one the workload asks most of: at the end, or with times on
    /// average over time. With elastic supply, of the nodes that have tasks.
    Allocated = "allocated", "Allocated", "%", Higher;
    /// Allocated share of CPU: at the end, or with times on average over time.
    AllocatedCpu = "allocated_cpu", "CPU allocated", "%", Higher;
    /// Allocated share of memory: at the end, or with times on average over time.
    AllocatedMemory = "allocated_memory", "Memory allocated", "%", Higher;
    /// Allocated share of GPUs: at the end, or with times on average over time.
    AllocatedGpu = "allocated_gpu", "GPU allocated", "%", Higher;
    /// What the dominant dimension's allocation at the end falls short of all that was asked for, or of all there is,
    /// whichever is less. Only without times.
    AllocatedGap = "allocated_gap", "Allocation below bound", "points", Lower;
    /// Tasks that were refused, of all that arrived.
    Rejected = "rejected", "Tasks rejected", "%", Lower;
    /// Refused demand of the dominant dimension, of all that was asked for.
    RejectedDemand = "rejected_demand", "Demand rejected", "%", Lower;
    /// Time between a task's arrival and its start; mean over the tasks that started. Only with a queue.
    QueueDelayMean = "queue_delay_mean", "Queueing delay, mean", "s", Lower;
    /// Time between a task's arrival and its start that half of the tasks that started did not exceed.
    QueueDelayP50 = "queue_delay_p50", "Queueing delay, median", "s", Lower;
    /// Time between a task's arrival and its start that 99 % of the tasks that started did not exceed.
    QueueDelayP99 = "queue_delay_p99", "Queueing delay, 99 %", "s", Lower;
    /// The longest time between the arrival and the start of a task that started.
    QueueDelayMax = "queue_delay_max", "Queueing delay, longest", "s", Lower;
    /// Tasks that still waited when the clock stopped; they count in no delay.
    NeverStarted = "never_started", "Never started", "tasks", Lower;
    /// Tasks that wait; mean over the samples.
    Waiting = "waiting", "Tasks waiting", "tasks", Lower;
    /// Time from the request for a task, or for a service's task from its creation, until the control plane has
    /// committed that it is RUNNING; mean over the tasks that got there.
    StartMean = "start_mean", "Start, mean", "s", Lower;
    /// Time from a task's request or creation to RUNNING that half of the tasks that got there did not exceed.
    StartP50 = "start_p50", "Start, median", "s", Lower;
    /// Time from a task's request or creation to RUNNING that 99 % of the tasks that got there did not exceed.
    StartP99 = "start_p99", "Start, 99 %", "s", Lower;
    /// From the update of a service until its deployment is COMPLETED; mean over the services whose rollout ended.
    RolloutMean = "rollout_mean", "Rollout, mean", "s", Lower;
    /// The longest time from the update of a service until its deployment was COMPLETED, of those that were.
    RolloutMax = "rollout_max", "Rollout, longest", "s", Lower;
    /// Rollouts that had not ended when the clock stopped.
    RolloutsUnfinished = "rollouts_unfinished", "Rollouts unfinished", "rollouts", Lower;
    /// Containers that run, in percent of the tasks desired; of the service that was worst off at any moment since it
    /// first was complete.
    RunningShareMin = "running_share_min", "Running at worst", "%", Higher;
    /// Running containers of all services, in percent of the tasks desired; mean over the samples. Above 100 in rollouts.
    Running = "running", "Service tasks running", "%", Higher;
    /// Tasks that started or ran and ended because their node or their container failed.
    TasksLost = "tasks_lost", "Tasks lost", "tasks", Lower;
    /// Tasks that deployments created beyond the number desired, in place of others.
    Replacements = "replacements", "Replacements", "tasks", Lower;
    /// GPU capacity that is free and that typical tasks cannot use on average (FGD's definition), of the cluster's
    /// GPUs; mean over the samples.
    Fragmented = "fragmented", "GPU fragmented", "%", Lower;
    /// CPU that is free on nodes where none of the frequent tasks fits, of all CPU; mean over the samples.
    StrandedCpu = "stranded_cpu", "CPU stranded", "%", Lower;
    /// Memory that is free on nodes where none of the frequent tasks fits, of all memory; mean over the samples.
    StrandedMemory = "stranded_memory", "Memory stranded", "%", Lower;
    /// GPUs that are free on nodes where none of the frequent tasks fits, of all GPUs; mean over the samples.
    StrandedGpu = "stranded_gpu", "GPU stranded", "%", Lower;
    /// Standard deviation over nodes of the allocated share of the dominant dimension; mean over the samples. With
    /// elastic supply, over the nodes that have tasks.
    Imbalance = "imbalance", "Imbalance", "points", Lower;
    /// Most nodes with tasks at a time.
    HostsPeak = "hosts_peak", "Hosts at peak", "hosts", Lower;
    /// Nodes that ever had a task.
    HostsUsed = "hosts_used", "Hosts ever used", "hosts", Lower;
    /// The fewest nodes that cover what is needed at the busiest moment, per dimension. A property of the workload.
    HostsBound = "hosts_bound", "Lower bound of hosts", "hosts", Lower;
    /// Hosts at peak above their lower bound. Only where nothing was rejected.
    HostsGap = "hosts_gap", "Hosts above bound", "%", Lower;
    /// The fewest nodes for what is needed at the busiest moment, by the linear programme over configurations, which knows
    /// which tasks fit on a node together. Only where it is asked for and not too much work.
    HostsLpBound = "hosts_lp_bound", "Lower bound of hosts (LP)", "hosts", Lower;
    /// Hosts at peak above their lower bound by linear programme. Only where nothing was rejected.
    HostsLpGap = "hosts_lp_gap", "Hosts above LP bound", "%", Lower;
    /// Nodes with tasks, over time.
    HostHours = "host_hours", "Host-hours", "h", Lower;
    /// Host-hours above their lower bound, which follows the needs over time. Only where nothing was rejected.
    HostHoursGap = "host_hours_gap", "Host-hours above bound", "%", Lower;
    /// How often a node got its first task or its first one after it was empty.
    Opens = "opens", "Host openings", "times", Lower;
}

impl Metric {
    pub fn named(key: &str) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.key() == key)
    }

    /// Metrics that are sampled along a run.
    pub const CURVES: &[Metric] = &[
        Metric::Allocated,
        Metric::Rejected,
        Metric::Waiting,
        Metric::Running,
        Metric::Fragmented,
        Metric::StrandedCpu,
        Metric::StrandedMemory,
        Metric::StrandedGpu,
        Metric::Imbalance,
        Metric::HostsPeak,
    ];

    /// What the metric's curve shows; the number of a run is often its mean or its end.
    pub fn curve_title(self) -> &'static str {
        match self {
            Metric::HostsPeak => "Hosts with tasks",
            metric => metric.title(),
        }
    }
}
