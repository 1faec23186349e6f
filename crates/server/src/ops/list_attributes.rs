//! ListAttributes (ATTR-5): one entry per attribute per instance that is not INACTIVE.

use super::input::invalid;
use crate::Context;
use crate::resolve;
use plimsoll_ecs_api::page::Pager;
use plimsoll_ecs_api::{ApiError, Operation, parse, types};
use plimsoll_model::{Attribute, Image, Instance, InstanceId, InstanceStatus};
use serde_json::Value;
use std::ops::Bound;
use std::sync::Arc;

pub(super) async fn run(
    context: &Context,
    operation: &Operation,
    input: Value,
) -> Result<types::ListAttributesResponse, ApiError> {
    // An entry's key is its instance and its name; ids have one length, so the texts sort as the pairs do.
    let pager = Pager::<String>::of(operation, &input)?;
    let request: types::ListAttributesRequest = parse(input)?;
    let name = request.attribute_name.filter(|name| !name.is_empty());
    let value = request.attribute_value.filter(|value| !value.is_empty());
    if value.is_some() && name.is_none() {
        return Err(invalid("attributeValue needs an attributeName."));
    }
    let cluster = resolve::cluster(context, request.cluster.as_deref())?;
    let filter = Filter { name: name.as_deref(), value: value.as_deref() };
    let from = pager.after().and_then(|key| key.split_once('/')).and_then(|(id, _)| id.parse().ok());
    // The instance of the last entry is looked at again: it may have more. The rest of it plus one page is enough.
    let rows = cluster.read(|image| instances(image, &filter, from, pager.limit + 1))?;
    let entries = rows.iter().flat_map(|row| filter.entries(row));
    let page = pager.page(entries, |entry| format!("{}/{}", entry.instance, entry.name));
    let attributes = page.items.into_iter().map(|entry| types::Attribute {
        name: Some(entry.name.to_string()),
        value: entry.attribute.value.as_ref().map(|value| value.to_string()),
        target_id: Some(cluster.arns.instance(entry.instance)),
        target_type: Some("container-instance".into()),
    });
    Ok(types::ListAttributesResponse { attributes: Some(attributes.collect()), next_token: page.next_token })
}

struct Filter<'a> {
    name: Option<&'a str>,
    value: Option<&'a str>,
}

struct Entry<'a> {
    instance: InstanceId,
    name: &'a Arc<str>,
    attribute: &'a Attribute,
}

impl Filter<'_> {
    fn entries<'r>(&'r self, row: &'r Instance) -> impl Iterator<Item = Entry<'r>> {
        let fits = |name: &str, attribute: &Attribute| {
            self.name.is_none_or(|wanted| wanted == name)
                && self.value.is_none_or(|wanted| attribute.value.as_deref() == Some(wanted))
        };
        row.attributes.iter().filter(move |(name, attribute)| fits(name, attribute)).map(|(name, attribute)| Entry {
            instance: row.id,
            name,
            attribute,
        })
    }
}

/// Instances from `from` on with one fitting attribute or more, until there are `limit` behind the first.
fn instances(image: &Image, filter: &Filter<'_>, from: Option<InstanceId>, limit: usize) -> Vec<Arc<Instance>> {
    let from = from.map_or(Bound::Unbounded, Bound::Included);
    let listed = image.instances.range((from, Bound::Unbounded)).map(|(_, row)| row);
    listed
        .filter(|row| row.status != InstanceStatus::Inactive && filter.entries(row).next().is_some())
        .take(limit + 1)
        .cloned()
        .collect()
}
