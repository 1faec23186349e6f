//! Texts shared between rows: a million tasks name a handful of families, services and groups.

use crate::error::BoxError;
use plimsoll_model::{Container, Family, IdError, Instance, ServiceName, Tags};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Only ever looked up, never iterated.
#[derive(Default)]
pub(crate) struct Interner {
    texts: HashSet<Arc<str>>,
    services: HashMap<Box<str>, ServiceName>,
    families: HashMap<Box<str>, Family>,
}

impl Interner {
    pub fn text(&mut self, text: &str) -> Arc<str> {
        match self.texts.get(text) {
            Some(shared) => Arc::clone(shared),
            None => {
                let shared: Arc<str> = text.into();
                self.texts.insert(Arc::clone(&shared));
                shared
            }
        }
    }

    pub fn service(&mut self, text: &str) -> Result<ServiceName, IdError> {
        if let Some(shared) = self.services.get(text) {
            return Ok(shared.clone());
        }
        let name = ServiceName::parse(text)?;
        self.services.insert(text.into(), name.clone());
        Ok(name)
    }

    pub fn family(&mut self, text: &str) -> Result<Family, IdError> {
        if let Some(shared) = self.families.get(text) {
            return Ok(shared.clone());
        }
        let name = Family::parse(text)?;
        self.families.insert(text.into(), name.clone());
        Ok(name)
    }

    pub fn tags(&mut self, json: Option<&str>) -> Result<Tags, BoxError> {
        let Some(json) = json else { return Ok(Tags::new()) };
        let tags: Tags = serde_json::from_str(json)?;
        Ok(tags.iter().map(|(key, value)| (self.text(key), self.text(value))).collect())
    }

    pub fn containers(&mut self, json: &str) -> Result<Vec<Container>, BoxError> {
        let mut containers: Vec<Container> = serde_json::from_str(json)?;
        for container in &mut containers {
            container.name = self.text(&container.name);
            container.reason = container.reason.as_ref().map(|reason| self.text(reason));
            container.image_digest = container.image_digest.as_ref().map(|digest| self.text(digest));
        }
        Ok(containers)
    }

    /// Ten thousand instances have the same attribute names, and mostly the same values.
    pub fn attributes(&mut self, instance: &mut Instance) {
        let attributes = std::mem::take(&mut instance.attributes);
        for (name, mut attribute) in attributes {
            attribute.value = attribute.value.map(|value| self.text(&value));
            instance.attributes.insert(self.text(&name), attribute);
        }
    }
}
