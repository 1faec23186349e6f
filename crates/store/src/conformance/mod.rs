//! What every back end does alike. New behaviour of a store goes here first.
//!
//! [`conformance_tests!`] makes a test of each function for one back end.

mod account_settings;
mod capacity_providers;
mod constraints;
mod definitions;
mod leases;
mod random;
mod round_trip;
pub mod rows;

pub use account_settings::*;
pub use capacity_providers::*;
pub use constraints::*;
pub use definitions::*;
pub use leases::*;
pub use round_trip::*;

use crate::{Error, Lease, Store};
use async_trait::async_trait;
use plimsoll_model::{Batch, Change, Image};
use std::sync::Arc;

/// One set of rows, empty at first, and processes that open it.
#[async_trait]
pub trait BackEnd: Send + Sync {
    async fn open(&self) -> Arc<dyn Store>;

    /// While another process has it open; `None` where that is refused.
    async fn open_beside(&self) -> Option<Arc<dyn Store>>;
}

#[macro_export]
macro_rules! conformance_tests {
    ($($name:ident)*; $back_end:expr) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let back_end = $back_end;
                $crate::conformance::$name(&back_end).await;
            }
        )*
    };
    ($back_end:expr) => {
        $crate::conformance_tests! {
            rows_come_back_as_they_were_written
            rows_without_optional_parts_come_back_without_them
            every_word_of_a_task_is_kept
            a_task_that_waits_for_an_instance_gets_one
            random_batches_add_up_to_the_image
            a_row_changed_often_in_a_batch_is_written_in_its_last_state
            updates_and_removals_may_be_committed_again
            removed_rows_are_gone
            two_thousand_tasks_fit_into_one_batch
            clusters_do_not_see_each_other
            texts_with_nul_do_not_block_a_cluster
            over_commitment_is_refused_whole
            capacity_and_use_may_grow_or_shrink_together
            a_port_held_twice_is_refused_whole
            a_port_is_handed_over_within_a_batch
            a_task_removed_while_running_gives_its_ports_back
            tasks_are_created_once_and_updated_only_when_there
            use_that_no_task_explains_is_found_on_load
            a_missing_definition_is_found_on_load
            a_later_lease_fences_the_earlier_one
            a_lease_is_held_by_one_process
            revisions_count_up_without_gap
            parallel_registrations_get_different_revisions
            definitions_change_status_and_nothing_else
            definitions_are_listed_in_order
            families_are_listed_by_prefix_and_status
            capacity_providers_come_back_as_they_were_written
            a_capacity_provider_is_changed_from_the_version_that_is_stored
            a_capacity_provider_with_a_cluster_is_not_deleted
            account_settings_are_kept_by_principal
            tags_of_a_definition_are_replaced_when_they_are_as_they_were
            deleted_definitions_go_when_nothing_names_them;
            $back_end
        }
    };
}

/// Writes the changes as one batch and brings the image up to date with them.
pub(crate) async fn commit(
    store: &dyn Store,
    lease: &Lease,
    image: &mut Image,
    changes: &[Change],
) -> Result<(), Error> {
    store.commit(lease, &Batch::from_changes(changes)).await?;
    image.apply_all(changes);
    Ok(())
}

/// Loads and compares: with what this process believes, and as a process that starts anew sees it.
pub(crate) async fn assert_stored(store: &dyn Store, lease: &Lease, expected: &Image) {
    let loaded = store.load(lease).await.expect("the cluster loads");
    assert_eq!(&loaded, expected);
    assert_eq!(loaded, loaded.recounted(), "I-23");
}
