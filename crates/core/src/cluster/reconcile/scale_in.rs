//! Surplus tasks of the PRIMARY deployment are stopped at once (DEP-16). A strategy first says how many of them each
//! capacity provider gives up: the one most over its share, so that what stays is shared out as it should be (SVC-56).
//! Among those of a provider, or among all, the ones that serve nobody go first (TERM-2), then those that leave the rest
//! best placed (TERM-3, TERM-4).

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use super::shares::Share;
use plimsoll_model::{Task, TaskId};
use plimsoll_placement::{Victim, pick_victims};
use std::sync::Arc;

const LEAST_USEFUL_FIRST: [Class; 4] = [Class::Grace, Class::Pending, Class::Waiting, Class::Healthy];

impl ClusterCore {
    pub(super) fn scale_in(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        let surplus = numbers.new_live.saturating_sub(numbers.desired + pass.moving_in);
        if surplus == 0 {
            return;
        }
        let shares = self.shares_to_stop(pass, surplus);
        let left = self.stop_shares(pass, shares, out);
        if left > 0 {
            // What is protected stays (PROT-4), and the desired count matters more than whose the tasks are.
            self.stop_shares(pass, vec![Share { provider: None, count: left }], out);
        }
    }

    /// Returns how many it could not stop.
    fn stop_shares(&mut self, pass: &mut Pass, mut shares: Vec<Share>, out: &mut Outbox) -> usize {
        for class in LEAST_USEFUL_FIRST {
            for share in &mut shares {
                let limit = match class {
                    Class::Healthy => share.count.min(self.numbers(pass).healthy_to_spare() as usize),
                    _ => share.count,
                };
                let victims = self.victims(pass, class, share.provider.as_deref(), limit);
                share.count -= victims.len();
                for task in victims {
                    self.stop_as(pass, task, StopBecause::scaling, out);
                }
            }
            shares.retain(|share| share.count > 0);
        }
        shares.iter().map(|share| share.count).sum()
    }

    /// `provider`: only of the tasks it has.
    fn victims(&mut self, pass: &Pass, class: Class, provider: Option<&str>, count: usize) -> Vec<TaskId> {
        let Some(index) = self.index_of(pass, pass.primary.id).filter(|_| count > 0) else { return Vec::new() };
        let has = |id: &TaskId| provider.is_none() || self.image.tasks[id].capacity_provider.as_deref() == provider;
        let of_class = index.staying.of(class).iter().copied();
        let mut ids: Vec<TaskId> = of_class.filter(|id| self.may_be_stopped(pass, *id)).filter(has).collect();
        if pass.moves_out {
            ids = self.of_fullest_zone(&pass.service, ids);
        }
        if ids.len() <= count {
            return ids;
        }
        let tasks: Vec<&Arc<Task>> = ids.iter().map(|id| &self.image.tasks[id]).collect();
        let fleet = &self.derived.fleet;
        let group = fleet.find_group(&tasks[0].group).expect("a group keeps its place while it has tasks");
        let candidates: Vec<Victim<'_>> = tasks
            .iter()
            .map(|task| Victim {
                task: task.id,
                instance: task
                    .instance
                    .and_then(|instance| fleet.idx(instance))
                    .expect("an instance keeps its place while it has tasks"),
                created_at: task.created_at,
                reserved: &task.reserved,
            })
            .collect();
        let strategies = &pass.service.placement_strategy;
        pick_victims(fleet, group, strategies, &candidates, count, &mut self.random.placement)
    }
}
