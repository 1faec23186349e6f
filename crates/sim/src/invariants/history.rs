//! What is remembered of deployments agrees with them (DEP-50, DEP-51).

use super::Step;
use crate::violation::{Broken, require};
use plimsoll_model::{Change, DeploymentId, RolloutState, ServiceDeployment, ServiceDeploymentStatus};
use std::collections::BTreeMap;

pub(super) fn dep_51_history_follows_deployments(step: &Step) -> Result<(), Broken> {
    let mut newest: BTreeMap<DeploymentId, &ServiceDeployment> = BTreeMap::new();
    for change in step.changes {
        let Change::ServiceDeployment(row) = change else { continue };
        let stored = step.before.service_deployments.get(&row.id).map(|row| &**row);
        if let Some(before) = newest.get(&row.id).copied().or(stored) {
            only_forward(before, row)?;
        }
        let has_end = row.finished_at.is_some();
        require(has_end == row.status.is_finished(), "DEP-51", || format!("{row:?} has or lacks an end"))?;
        newest.insert(row.id, row);
    }
    for name in &step.services {
        let mut entries = step.after.service_deployments_of(name);
        let latest = entries.next();
        let older = entries.find(|entry| !entry.status.is_finished());
        require(older.is_none(), "DEP-51", || format!("{older:?} is unfinished and not the newest"))?;
        let Some(primary) = step.after.primary_deployment(name) else { continue };
        // In a rollback the history is about the deployment that was given up.
        let about = primary.rolling_back.as_ref().map_or(primary.id, |back| back.from);
        let busy = step.after.services.get(name).is_some_and(|row| row.status == plimsoll_model::ServiceStatus::Active)
            && primary.rollout_state == RolloutState::InProgress;
        let unfinished = latest.filter(|entry| !entry.status.is_finished()).map(|entry| entry.id);
        require(unfinished == busy.then_some(about), "DEP-51", || {
            format!("{latest:?} is newest, {primary:?} PRIMARY")
        })?;
    }
    Ok(())
}

/// DEP-51.
fn only_forward(before: &ServiceDeployment, row: &ServiceDeployment) -> Result<(), Broken> {
    use ServiceDeploymentStatus::*;
    let next: &[ServiceDeploymentStatus] = match before.status {
        Pending => &[Pending, InProgress, StopRequested, RollbackRequested, Stopped],
        InProgress => &[InProgress, Successful, StopRequested, RollbackRequested, RollbackInProgress, Stopped],
        StopRequested => &[StopRequested, Stopped],
        RollbackRequested => &[RollbackRequested, RollbackInProgress, Stopped],
        RollbackInProgress => &[RollbackInProgress, RollbackSuccessful, RollbackFailed],
        Successful | Stopped | RollbackSuccessful | RollbackFailed => &[],
    };
    let same = (before.created_at, &before.revision, &before.sources) == (row.created_at, &row.revision, &row.sources);
    require(same && next.contains(&row.status), "DEP-51", || format!("{before:?} became {row:?}"))
}
