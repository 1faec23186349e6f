//! StopServiceDeployment (DEP-53): the request is noted, the reconciler carries it out.

use super::super::{ClusterCore, Outbox};
use crate::{CommandError, Output};
use plimsoll_model::{DeploymentId, ServiceDeploymentStatus, ServiceName};

impl ClusterCore {
    /// Asking again changes nothing.
    pub(super) fn stop_service_deployment(
        &mut self,
        service: &ServiceName,
        deployment: DeploymentId,
        out: &mut Outbox,
    ) -> Result<Output, CommandError> {
        let found = self.image.service_deployments.get(&deployment).filter(|entry| entry.service == *service);
        let Some(entry) = found else { return Err(CommandError::ServiceDeploymentNotFound { deployment }) };
        match entry.status {
            ServiceDeploymentStatus::Successful
            | ServiceDeploymentStatus::Stopped
            | ServiceDeploymentStatus::RollbackSuccessful
            | ServiceDeploymentStatus::RollbackFailed => {
                return Err(CommandError::ServiceDeploymentFinished { deployment, status: entry.status });
            }
            ServiceDeploymentStatus::StopRequested
            | ServiceDeploymentStatus::RollbackRequested
            | ServiceDeploymentStatus::RollbackInProgress => {}
            ServiceDeploymentStatus::Pending | ServiceDeploymentStatus::InProgress => {
                let status = match self.rollback_target(service) {
                    Some(_) => ServiceDeploymentStatus::RollbackRequested,
                    None => ServiceDeploymentStatus::StopRequested,
                };
                self.change_history(deployment, |entry| entry.status = status, out);
                self.work.mark(service);
            }
        }
        Ok(Output::Acknowledged)
    }
}
