//! Who the agent's nodes are, remembered over restarts: `identity.json` in the data directory.
//!
//! It is on disk before anything that follows from it leaves the agent. One file for all nodes of the process.

use crate::Error;
use crate::runtime::write_atomically;
use crate::settings::ClusterAddress;
use plimsoll_core::node::Identity;
use plimsoll_model::{Epoch, InstanceId};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) struct Identities {
    /// Indexed by node number.
    nodes: Vec<Identity>,
    cluster: String,
    home: Option<Home>,
}

/// The data directory, ours for as long as the lock file is open.
#[derive(Clone)]
struct Home {
    directory: PathBuf,
    _lock: Arc<File>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    cluster: String,
    nodes: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    instance: Option<InstanceId>,
    epoch: u64,
}

impl Identities {
    /// Without a data directory every start is a new identity.
    pub(crate) fn open(directory: Option<&Path>, cluster: &ClusterAddress, nodes: usize) -> Result<Self, Error> {
        let cluster = [cluster.account.as_deref(), cluster.region.as_deref(), Some(&*cluster.name)]
            .map(|part| part.unwrap_or_default())
            .join("/");
        let Some(directory) = directory else {
            return Ok(Identities { nodes: vec![Identity::default(); nodes], cluster, home: None });
        };
        fs::create_dir_all(directory).map_err(Error::file("create directory", directory))?;
        let home = Home { directory: directory.to_owned(), _lock: Arc::new(lock(directory)?) };
        let mut remembered = match read(directory)? {
            Some(document) if document.cluster != cluster => {
                return Err(Error::OtherCluster {
                    path: directory.to_owned(),
                    nodes: document.nodes.len(),
                    recorded: document.cluster,
                    wanted: cluster,
                });
            }
            Some(document) => document.nodes,
            None => Vec::new(),
        }
        .into_iter()
        .map(|entry| Identity { instance: entry.instance, epoch: Epoch(entry.epoch) })
        .collect::<Vec<_>>();
        // A smaller fleet than last time leaves the others' entries alone: they come back with the larger one.
        if remembered.len() < nodes {
            remembered.resize(nodes, Identity::default());
        }
        Ok(Identities { nodes: remembered, cluster, home: Some(home) })
    }

    pub(crate) fn get(&self, node: usize) -> Identity {
        self.nodes[node]
    }

    pub(crate) fn set(&mut self, node: usize, identity: Identity) {
        self.nodes[node] = identity;
    }

    /// How many of the first `nodes` have an instance.
    pub(crate) fn registered(&self, nodes: usize) -> usize {
        self.nodes.iter().take(nodes).filter(|identity| identity.instance.is_some()).count()
    }

    /// Durable when it returns.
    pub(crate) async fn save(&self) -> Result<(), Error> {
        let Some(home) = self.home.clone() else { return Ok(()) };
        let path = home.directory.join(FILE);
        let nodes = self.nodes.iter().map(|one| Entry { instance: one.instance, epoch: one.epoch.0 }).collect();
        let document = Document { cluster: self.cluster.clone(), nodes };
        let bytes = serde_json::to_vec(&document).expect("plain data always serialises");
        let write =
            tokio::task::spawn_blocking(move || write_atomically(&path, &bytes).map_err(Error::file("write", path)));
        write.await.expect("writing a file does not panic")
    }
}

const FILE: &str = "identity.json";

fn lock(directory: &Path) -> Result<File, Error> {
    let path = directory.join("agent.lock");
    let file = File::create(&path).map_err(Error::file("create", &path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(Error::DataDirInUse { path: directory.to_owned() }),
        Err(fs::TryLockError::Error(source)) => Err(Error::file("lock", path)(source)),
    }
}

fn read(directory: &Path) -> Result<Option<Document>, Error> {
    let path = directory.join(FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Error::file("read", path)(error)),
    };
    match serde_json::from_slice(&bytes) {
        Ok(document) => Ok(Some(document)),
        Err(error) => {
            // The containers themselves tell the instance again, and the control plane its epoch (F-11).
            let kept = path.with_extension("unreadable");
            tracing::warn!(path = %path.display(), kept = %kept.display(), %error, "identity file is unreadable");
            fs::rename(&path, &kept).map_err(Error::file("rename", path))?;
            Ok(None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(name: &str) -> ClusterAddress {
        ClusterAddress { account: None, region: None, name: name.to_owned() }
    }

    fn instance(raw: u128) -> Identity {
        Identity { instance: Some(InstanceId::from_u128(raw)), epoch: Epoch(4) }
    }

    #[tokio::test]
    async fn identities_survive_a_restart_and_a_smaller_fleet() {
        let directory = tempfile::tempdir().unwrap();
        let mut identities = Identities::open(Some(directory.path()), &cluster("a"), 2).unwrap();
        identities.set(1, instance(7));
        identities.save().await.unwrap();
        drop(identities);
        let smaller = Identities::open(Some(directory.path()), &cluster("a"), 1).unwrap();
        smaller.save().await.unwrap();
        drop(smaller);
        let again = Identities::open(Some(directory.path()), &cluster("a"), 3).unwrap();
        assert_eq!((again.get(1), again.get(2)), (instance(7), Identity::default()));
    }

    #[tokio::test]
    async fn a_data_directory_serves_one_agent_of_one_cluster() {
        let directory = tempfile::tempdir().unwrap();
        let identities = Identities::open(Some(directory.path()), &cluster("a"), 1).unwrap();
        identities.save().await.unwrap();
        let second = Identities::open(Some(directory.path()), &cluster("a"), 1);
        assert!(matches!(second.err(), Some(Error::DataDirInUse { .. })), "F-12");
        drop(identities);
        let other = Identities::open(Some(directory.path()), &cluster("b"), 1);
        assert!(matches!(other.err(), Some(Error::OtherCluster { .. })));
    }

    #[test]
    fn an_unreadable_file_is_set_aside() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), b"\x00garbage").unwrap();
        let identities = Identities::open(Some(directory.path()), &cluster("a"), 1).unwrap();
        assert_eq!(identities.get(0), Identity::default(), "F-11");
        assert!(directory.path().join("identity.unreadable").exists());
    }
}
