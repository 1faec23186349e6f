//! The engine itself: how to reach it, what it can do, and the calls made to it, each bounded in time.

use super::call::{CallError, call};
use super::labels;
use crate::Error;
use crate::settings::EngineSettings;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, ContainerSummary, ImageInspect, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CreateContainerOptions, CreateImageOptions, InspectContainerOptions, ListContainersOptions, ListVolumesOptions,
    RemoveContainerOptions, RemoveVolumeOptions, StartContainerOptions, StopContainerOptions,
};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::StreamExt;
use plimsoll_model::TaskId;
use std::collections::HashMap;
use std::time::Duration;

const DEFAULT_HOST: &str = "unix:///var/run/docker.sock";
/// Above every deadline of [`call`], which are the ones that count.
const CLIENT_TIMEOUT_SECONDS: u64 = 600;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A pull that says nothing for this long is given up.
const PULL_SILENCE_MAX: Duration = Duration::from_secs(300);
const PULL_DEADLINE: Duration = Duration::from_secs(3600);
/// On top of a stop's grace: the engine kills and waits for the exit.
const STOP_MARGIN: Duration = Duration::from_secs(15);

pub(super) struct Engine {
    pub client: Docker,
    pub limits: EngineSettings,
}

impl Engine {
    pub(super) async fn connect(limits: EngineSettings) -> Result<Self, Error> {
        let host = limits.host.clone().or_else(|| std::env::var("DOCKER_HOST").ok()).filter(|host| !host.is_empty());
        let host = host.unwrap_or_else(|| DEFAULT_HOST.to_owned());
        if !host.starts_with("unix://") {
            return Err(Error::EngineAddress { host });
        }
        let unreachable = |source| Error::EngineUnreachable { host: host.clone(), source: Box::new(source) };
        let client =
            Docker::connect_with_unix(&host, CLIENT_TIMEOUT_SECONDS, API_DEFAULT_VERSION).map_err(unreachable)?;
        match tokio::time::timeout(CONNECT_TIMEOUT, client.negotiate_version()).await {
            Ok(Ok(client)) => Ok(Engine { client, limits }),
            Ok(Err(error)) => Err(unreachable(error)),
            Err(_) => Err(Error::EngineSlow { action: "answer", seconds: CONNECT_TIMEOUT.as_secs() }),
        }
    }

    pub(super) async fn inspect(&self, container: &str) -> Result<ContainerInspectResponse, CallError> {
        call(self.limits.quick_call, self.client.inspect_container(container, None::<InspectContainerOptions>)).await
    }

    /// All containers with the label, in whatever state.
    pub(super) async fn list(&self, label: String) -> Result<Vec<ContainerSummary>, CallError> {
        let filters = HashMap::from([("label".to_owned(), vec![label])]);
        let options = ListContainersOptions { all: true, filters: Some(filters), ..Default::default() };
        call(self.limits.quick_call, self.client.list_containers(Some(options))).await
    }

    pub(super) async fn image(&self, image: &str) -> Result<ImageInspect, CallError> {
        call(self.limits.quick_call, self.client.inspect_image(image)).await
    }

    pub(super) async fn pull(&self, image: &str) -> Result<(), CallError> {
        let (name, tag) = name_and_tag(image);
        let options =
            CreateImageOptions { from_image: Some(name.to_owned()), tag: tag.map(str::to_owned), ..Default::default() };
        let mut progress = self.client.create_image(Some(options), None, None);
        let give_up = tokio::time::Instant::now() + PULL_DEADLINE;
        loop {
            let next = tokio::time::timeout(PULL_SILENCE_MAX, progress.next());
            match tokio::time::timeout_at(give_up, next).await {
                Ok(Ok(Some(Ok(_)))) => {}
                Ok(Ok(Some(Err(error)))) => return Err(error.into()),
                Ok(Ok(None)) => return Ok(()),
                Ok(Err(_)) => {
                    let seconds = PULL_SILENCE_MAX.as_secs();
                    return Err(CallError::Silent(format!("no progress of the pull within {seconds} s")));
                }
                Err(_) => {
                    let seconds = PULL_DEADLINE.as_secs();
                    return Err(CallError::Silent(format!("the pull took more than {seconds} s")));
                }
            }
        }
    }

    /// The id of the container.
    pub(super) async fn create(&self, name: &str, body: ContainerCreateBody) -> Result<String, CallError> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
        call(self.limits.slow_call, self.client.create_container(Some(options), body)).await.map(|created| created.id)
    }

    pub(super) async fn start(&self, container: &str) -> Result<(), CallError> {
        call(self.limits.slow_call, self.client.start_container(container, None::<StartContainerOptions>)).await
    }

    /// SIGTERM or the image's own signal, SIGKILL after `grace`. That it returns does not mean the container is over.
    pub(super) async fn stop(&self, container: &str, grace: Duration) -> Result<(), CallError> {
        // The engine counts whole seconds: rounded up, or a stop of a second would be a kill.
        let seconds = i32::try_from(grace.as_millis().div_ceil(1000)).unwrap_or(i32::MAX);
        let options = StopContainerOptions { t: Some(seconds), ..Default::default() };
        call(grace + STOP_MARGIN, self.client.stop_container(container, Some(options))).await
    }

    /// With its anonymous volumes, running or not.
    pub(super) async fn remove(&self, container: &str) -> Result<(), CallError> {
        let options = RemoveContainerOptions { v: true, force: true, ..Default::default() };
        call(self.limits.slow_call, self.client.remove_container(container, Some(options))).await
    }

    pub(super) async fn create_volume(&self, request: VolumeCreateRequest) -> Result<(), CallError> {
        call(self.limits.slow_call, self.client.create_volume(request)).await.map(drop)
    }

    /// Whether it is there.
    pub(super) async fn inspect_volume(&self, name: &str) -> Result<(), CallError> {
        call(self.limits.quick_call, self.client.inspect_volume(name)).await.map(drop)
    }

    /// Names of the volumes made for a task.
    pub(super) async fn volumes_of(&self, task: TaskId) -> Result<Vec<String>, CallError> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{}={task}", labels::TASK)])]);
        let options = ListVolumesOptions { filters: Some(filters) };
        let found = call(self.limits.quick_call, self.client.list_volumes(Some(options))).await?;
        Ok(found.volumes.unwrap_or_default().into_iter().map(|volume| volume.name).collect())
    }

    pub(super) async fn remove_volume(&self, name: &str) -> Result<(), CallError> {
        call(self.limits.slow_call, self.client.remove_volume(name, Some(RemoveVolumeOptions { force: true }))).await
    }
}

/// Without a tag the engine would pull all of them.
fn name_and_tag(image: &str) -> (&str, Option<&str>) {
    if image.contains('@') {
        return (image, None);
    }
    let last = image.rsplit('/').next().unwrap_or(image);
    match last.rsplit_once(':') {
        Some((_, tag)) => (&image[..image.len() - tag.len() - 1], Some(tag)),
        None => (image, Some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_pulled_by_one_tag_or_digest() {
        for (image, expected) in [
            ("busybox", ("busybox", Some("latest"))),
            ("busybox:1.36", ("busybox", Some("1.36"))),
            ("localhost:5000/a/b", ("localhost:5000/a/b", Some("latest"))),
            ("localhost:5000/a/b:2", ("localhost:5000/a/b", Some("2"))),
            ("a@sha256:0123", ("a@sha256:0123", None)),
        ] {
            assert_eq!(name_and_tag(image), expected, "{image}");
        }
    }
}
