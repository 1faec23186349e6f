//! Why an agent cannot start or go on. What happens to containers is never an error here: that is reported.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no server to connect to: at least one server url is needed")]
    NoServer,
    #[error("server url {url:?} is not usable: {reason}")]
    ServerUrl { url: String, reason: String },
    #[error("cluster name {name:?} is not 1 to 255 of letters, digits, '_' and '-'")]
    ClusterName { name: String },
    #[error("the {runtime} runtime needs a data directory")]
    NoDataDir { runtime: &'static str },
    #[error("data directory {path} is in use by another agent")]
    DataDirInUse { path: PathBuf },
    #[error("data directory {path} holds {nodes} nodes of cluster {recorded}; this agent is for {wanted}")]
    OtherCluster { path: PathBuf, nodes: usize, recorded: String, wanted: String },
    #[error("{action} {path}")]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("no container engine answers at {host}")]
    EngineUnreachable {
        host: String,
        #[source]
        source: Box<bollard::errors::Error>,
    },
    #[error("container engine address {host:?} is not supported: only unix:// sockets are")]
    EngineAddress { host: String },
    #[error("the container engine could not {action}")]
    Engine {
        action: &'static str,
        #[source]
        source: Box<bollard::errors::Error>,
    },
    #[error("the container engine could not {action}: {reason}")]
    EngineRefused { action: &'static str, reason: String },
    #[error("the container engine did not {action} within {seconds} s")]
    EngineSlow { action: &'static str, seconds: u64 },
    #[error("the process runtime needs a shim command")]
    NoShimCommand,
    #[error("{what} of this machine could not be read from {path}")]
    Machine { what: &'static str, path: &'static str },
    #[error("simulated node count must be at least 1")]
    NoSimulatedNodes,
    #[error("the operating system gave no random bytes")]
    Entropy,
}

impl Error {
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |source| Error::File { action, path, source }
    }
}
