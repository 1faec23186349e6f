//! One writer per cluster, fenced.

use super::rows::*;
use super::{BackEnd, assert_stored, commit};
use crate::{Error, Lease, Store};
use plimsoll_model::{Batch, Change, Image};
use std::sync::Arc;

fn cluster_row(lease: &Lease) -> [Change; 1] {
    [Change::Cluster(Arc::new(bare_cluster(&lease.cluster)))]
}

async fn assert_fenced(store: &dyn Store, stale: &Lease) {
    let batch = Batch::from_changes(&[Change::Cluster(Arc::new(full_cluster(&stale.cluster)))]);
    for batch in [batch, Batch::default()] {
        let error = store.commit(stale, &batch).await.expect_err("the lease is stale");
        assert!(matches!(&error, Error::Fenced { epoch, .. } if *epoch == stale.epoch), "{error:?}");
        assert!(error.is_retryable());
    }
    let error = store.load(stale).await.expect_err("the lease is stale");
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
    assert_eq!(store.renew(std::slice::from_ref(stale)).await.unwrap(), std::slice::from_ref(&stale.cluster));
}

/// I-30. A writer that is started again in the same process fences the one before.
pub async fn a_later_lease_fences_the_earlier_one(back_end: &dyn BackEnd) {
    let store = back_end.open().await;
    let first = store.acquire(&key("fenced")).await.unwrap();
    let other = store.acquire(&key("other")).await.unwrap();
    let mut image = Image::default();
    commit(&*store, &first, &mut image, &cluster_row(&first)).await.unwrap();
    let second = store.acquire(&first.cluster).await.unwrap();
    assert!(second.epoch > first.epoch, "{:?} after {:?}", second.epoch, first.epoch);
    assert_fenced(&*store, &first).await;
    // Releasing what is lost does not release what another holds.
    store.release(&first).await.unwrap();
    assert_eq!(store.renew(&[second.clone(), other.clone()]).await.unwrap(), []);
    assert_eq!(store.renew(&[first.clone(), other]).await.unwrap(), std::slice::from_ref(&first.cluster));
    assert_stored(&*store, &second, &image).await;
}

pub async fn a_lease_is_held_by_one_process(back_end: &dyn BackEnd) {
    let ours = back_end.open().await;
    let cluster = key("held");
    let first = ours.acquire(&cluster).await.unwrap();
    let mut image = Image::default();
    commit(&*ours, &first, &mut image, &cluster_row(&first)).await.unwrap();
    let Some(theirs) = back_end.open_beside().await else { return };
    let error = theirs.acquire(&cluster).await.expect_err("the lease is held");
    assert!(matches!(&error, Error::LeaseHeld { holder, .. } if !holder.is_empty()), "{error:?}");
    assert!(error.is_retryable());
    // Asking harmed nobody.
    assert_eq!(ours.renew(std::slice::from_ref(&first)).await.unwrap(), []);
    assert_stored(&*ours, &first, &image).await;

    ours.release(&first).await.unwrap();
    let second = theirs.acquire(&cluster).await.unwrap();
    assert!(second.epoch > first.epoch);
    assert_fenced(&*ours, &first).await;
    assert_stored(&*theirs, &second, &image).await;
    let error = ours.acquire(&cluster).await.expect_err("the lease is held");
    assert!(matches!(error, Error::LeaseHeld { .. }), "{error:?}");
}
