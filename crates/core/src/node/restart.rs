//! Which containers start again when they exit by themselves (TD-50).

use super::task::NodeTask;
use super::{Action, ContainerRef, LaunchSpec};
use plimsoll_model::RestartPolicy;
use std::sync::Arc;

impl NodeTask {
    /// The rest of `drive` then sees them as starting, so that their exit stops nothing. It needs no control plane: the
    /// task goes on as it was (I-33).
    pub(super) fn restart_ended(&mut self, spec: &Arc<LaunchSpec>, actions: &mut Vec<Action>) {
        for container in self.containers.iter_mut().filter(|container| container.is_ended()) {
            let policy = spec.definition.containers.get(container.index).and_then(|spec| spec.restart_policy.as_ref());
            if policy.is_some_and(|policy| starts_again(policy, container.row.exit_code, container.ran_ms)) {
                container.starting_again();
                self.changed = true;
                actions.push(Action::Start {
                    container: ContainerRef { task: self.id, index: container.index },
                    run: container.run,
                    spec: Arc::clone(spec),
                });
            }
        }
    }
}

/// Without an exit code nobody knows how it ended, or it was removed: then it does not.
fn starts_again(policy: &RestartPolicy, exit_code: Option<i32>, ran_ms: u64) -> bool {
    let long_enough = ran_ms >= u64::from(policy.restart_attempt_period) * 1000;
    let counts = exit_code.is_some_and(|code| !policy.ignored_exit_codes.contains(&code));
    policy.enabled && long_enough && counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_looks_at_code_and_time_td_50() {
        let policy = RestartPolicy { enabled: true, ignored_exit_codes: vec![0, 3], restart_attempt_period: 60 };
        for (exit_code, ran_ms, again) in [
            (Some(1), 60_000, true),
            (Some(137), 3_600_000, true),
            (Some(1), 59_999, false),
            (Some(0), 60_000, false),
            (Some(3), 60_000, false),
            (None, 60_000, false),
        ] {
            assert_eq!(starts_again(&policy, exit_code, ran_ms), again, "{exit_code:?} after {ran_ms}");
        }
        let disabled = RestartPolicy { enabled: false, ..policy };
        assert!(!starts_again(&disabled, Some(1), 60_000));
    }
}
