//! UpdateCluster and UpdateClusterSettings (CL-9).

use super::super::{ClusterCore, Outbox};
use crate::Output;
use plimsoll_model::{Cluster, NO_PLACEMENT_POLICY, PLACEMENT_POLICY};
use serde_json::{Map, Value};

pub(super) const SETTINGS: &str = "settings";

impl ClusterCore {
    /// Members that are not given stay, and so do settings that are not named.
    pub(super) fn update_cluster(&mut self, echo: Map<String, Value>, out: &mut Outbox) -> Output {
        let before = self.image.cluster.clone().expect("commands need an active cluster");
        let mut row = Cluster::clone(&before);
        let settings = echo.get(SETTINGS).map(|given| merged(row.echo.get(SETTINGS), given));
        row.echo.extend(echo);
        if let Some(settings) = settings {
            row.echo.insert(SETTINGS.to_owned(), settings);
        }
        if row == *before { Output::Cluster(before) } else { Output::Cluster(self.put_cluster(row, out)) }
    }
}

/// Settings by name; a policy is taken back by the word for none.
pub(super) fn merged(before: Option<&Value>, given: &Value) -> Value {
    let entries = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let mut settings = before.map(entries).unwrap_or_default();
    for setting in entries(given) {
        settings.retain(|old| old["name"] != setting["name"]);
        if setting["name"] != PLACEMENT_POLICY || setting["value"] != NO_PLACEMENT_POLICY {
            settings.push(setting);
        }
    }
    Value::Array(settings)
}
