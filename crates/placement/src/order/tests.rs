//! The tree beside a list.

use super::{Cursor, Order};
use crate::key::{Key, LABEL};
use crate::room::Room;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn room() -> impl Strategy<Value = Room> {
    (0..6u32, 0..6u32, 0..3u32).prop_map(|(cpu, memory, gpus)| Room { cpu, memory, gpus })
}

fn key(rank: u32, label: u32) -> Key {
    Key::ZERO.with(0, rank).with(LABEL, label)
}

proptest! {
    #[test]
    fn a_tree_finds_what_a_list_would(
        steps in vec((0..40u32, 0..5u32, room(), any::<bool>()), 1..200), need in room(), rank in 0..5u32,
    ) {
        let (mut tree, mut list) = (Order::new(), BTreeMap::new());
        let mut keys = BTreeMap::new();
        for (item, rank, room, stays) in steps {
            let key = key(rank, item);
            let before = keys.remove(&item);
            if let Some(before) = before {
                list.remove(&before);
            }
            match before {
                Some(before) if !stays => tree.remove(before),
                before => {
                    match before {
                        Some(before) => tree.change(before, key, room, item),
                        None => tree.insert(key, room, item),
                    }
                    keys.insert(item, key);
                    list.insert(key, (room, item));
                }
            }
            let found: Vec<_> = tree.iter().map(|slot| (slot.key, (slot.room, slot.item))).collect();
            prop_assert_eq!(&found, &list.iter().map(|(key, entry)| (*key, *entry)).collect::<Vec<_>>());
            let most = list.values().fold(Room::default(), |most, (room, _)| most.or(*room));
            prop_assert_eq!(tree.room(), most);
        }
        let after = key(rank, 20);
        let first = list.iter().find(|(key, (room, _))| **key > after && room.covers(need));
        prop_assert_eq!(tree.first_fitting(need, Some(after)).map(|slot| slot.key), first.map(|(key, _)| *key));
        let first = list.iter().find(|(_, (room, _))| room.covers(need));
        prop_assert_eq!(tree.first_fitting(need, None).map(|slot| slot.key), first.map(|(key, _)| *key));
        prop_assert_eq!(tree.count_up_to(after) as usize, list.range(..=after).count());
        for (nth, key) in list.keys().enumerate() {
            prop_assert_eq!(tree.nth(nth as u32).map(|slot| slot.key), Some(*key));
        }
        let built = Order::build(list.iter().map(|(key, (room, item))| (*key, *room, *item)));
        prop_assert_eq!(built.iter().map(|slot| slot.key).collect::<Vec<_>>(), list.into_keys().collect::<Vec<_>>());
    }
}

#[test]
fn a_cursor_goes_from_one_fitting_entry_to_the_next() {
    let room = |cpu| Room { cpu, memory: cpu % 3, gpus: 0 };
    let tree = Order::build((0..100).map(|nth| (Key::ZERO.with(LABEL, nth), room(nth % 7), nth)));
    for need in (0..8).map(room) {
        let mut cursor = Cursor::Start;
        let found: Vec<u32> =
            std::iter::from_fn(|| tree.next_fitting(&mut cursor, need).map(|slot| slot.item)).collect();
        let expected: Vec<u32> = (0..100).filter(|nth| room(nth % 7).covers(need)).collect();
        assert_eq!(found, expected, "{need:?}");
    }
}
