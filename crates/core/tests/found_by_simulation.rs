//! What simulated worlds have shown to break, as small as it gets.

mod harness;

use harness::{World, config, create_service, resources};
use plimsoll_core::{Command, Input};

/// A service that may place fewer tasks in a step than it misses, and cannot place even those, was looked at again at
/// once and for ever (I-14).
#[test]
fn a_refusal_ends_the_step_even_if_more_is_missing_than_a_step_places_i_14() {
    let mut world = World::new({
        let mut config = config();
        config.placements_per_step_max = 1;
        config
    });
    world.define("big:1", serde_json::json!({ "cpu": 4_096, "memory": 128 }));
    world.add_node("a", resources(1_024, 1_024), Default::default());
    let definition = world.definition("big:1");
    let created = world.command(Command::CreateService(Box::new(create_service("web", definition, 3))));
    assert!(created.is_ok(), "{created:?}");
    let wakeup = world.core.next_wakeup();
    assert!(wakeup.is_none_or(|at| at > world.now), "due at once: {wakeup:?}");
}

/// The first hello of a node names no instance. When it came twice, the node was registered twice and the first
/// instance stayed behind with its tasks (F-15).
#[test]
fn a_first_hello_that_comes_twice_is_one_instance_f_15() {
    let mut world = World::new(config());
    world.add_node("a", resources(1_024, 1_024), Default::default());
    let instance = world.instance("a");
    let (connection, again) = {
        let node = &mut world.nodes.get_mut("a").expect("added above");
        let known = node.instance.take();
        let again = node.hello();
        node.instance = known;
        (node.connection.expect("connected"), again)
    };
    world.batch(vec![Input::Node { connection, message: again }]);
    assert_eq!(world.committed.instances.keys().copied().collect::<Vec<_>>(), [instance]);
    assert!(world.committed.instances[&instance].agent_connected);
}
