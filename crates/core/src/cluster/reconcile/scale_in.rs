//! Surplus tasks of the PRIMARY deployment are stopped at once (DEP-16), those that serve nobody first (TERM-2), then
//! where it leaves the rest best placed (TERM-3, TERM-4).

use super::super::derived::Class;
use super::super::stopping::StopBecause;
use super::super::{ClusterCore, Outbox};
use super::Pass;
use plimsoll_model::{Task, TaskId};
use plimsoll_placement::{Victim, pick_victims};
use std::sync::Arc;

const LEAST_USEFUL_FIRST: [Class; 4] = [Class::Grace, Class::Pending, Class::Waiting, Class::Healthy];

impl ClusterCore {
    pub(super) fn scale_in(&mut self, pass: &mut Pass, out: &mut Outbox) {
        let numbers = self.numbers(pass);
        let mut surplus = numbers.new_live.saturating_sub(numbers.desired + pass.moving_in) as usize;
        if surplus == 0 {
            return;
        }
        for class in LEAST_USEFUL_FIRST {
            let limit = match class {
                Class::Healthy => surplus.min(self.numbers(pass).healthy_to_spare() as usize),
                _ => surplus,
            };
            let victims = self.victims(pass, class, limit);
            surplus -= victims.len();
            for task in victims {
                self.stop_as(pass, task, StopBecause::scaling, out);
            }
            if surplus == 0 {
                return;
            }
        }
    }

    fn victims(&mut self, pass: &Pass, class: Class, count: usize) -> Vec<TaskId> {
        let Some(index) = self.index_of(pass, pass.primary.id) else { return Vec::new() };
        let of_class = index.staying.of(class).iter().copied();
        let mut ids: Vec<TaskId> = of_class.filter(|task| self.may_be_stopped(pass, *task)).collect();
        if pass.moves_out {
            ids = self.of_fullest_zone(&pass.service, ids);
        }
        if ids.len() <= count {
            return ids;
        }
        if count == 0 {
            return Vec::new();
        }
        let fleet = &self.derived.fleet;
        let tasks: Vec<&Arc<Task>> = ids.iter().map(|id| &self.image.tasks[id]).collect();
        let group = fleet.find_group(&tasks[0].group).expect("a group keeps its place while it has tasks");
        let candidates: Vec<Victim<'_>> = tasks
            .iter()
            .map(|task| Victim {
                task: task.id,
                instance: fleet.idx(task.instance).expect("an instance keeps its place while it has tasks"),
                created_at: task.created_at,
                reserved: &task.reserved,
            })
            .collect();
        let strategies = &pass.service.placement_strategy;
        pick_victims(fleet, group, strategies, &candidates, count, &mut self.random.placement)
    }
}
