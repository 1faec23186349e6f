//! Account settings (ACC-2): what a principal set for itself, else what the account set as its default. The defaults
//! of an account are the settings of its root.

use plimsoll_model::Namespace;
use plimsoll_store::{Error, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

pub struct AccountSettings {
    store: Arc<dyn Store>,
}

impl AccountSettings {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        AccountSettings { store }
    }

    /// Only what the principal itself has set.
    pub async fn explicit(&self, namespace: &Namespace, principal: &str) -> Result<BTreeMap<String, String>, Error> {
        self.store.account_settings(namespace, principal).await
    }

    /// What holds for the principal, as far as anybody has set it.
    pub async fn effective(
        &self,
        namespace: &Namespace,
        principal: &str,
        root: &str,
    ) -> Result<BTreeMap<String, String>, Error> {
        let mut settings = self.explicit(namespace, root).await?;
        settings.extend(self.explicit(namespace, principal).await?);
        Ok(settings)
    }

    /// No value removes the setting.
    pub async fn set(
        &self,
        namespace: &Namespace,
        principal: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), Error> {
        self.store.set_account_setting(namespace, principal, name, value).await
    }
}
