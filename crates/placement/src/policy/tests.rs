//! Every policy against a plain scan, options against mistakes, published scores against tables.

use super::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const SHAPE: NodeShape = NodeShape { cpu_milli: 64_000, memory_mib: 131_072, gpus: 4, model: Some(0), tasks_max: 20 };

fn gpu_task(cpu_milli: u32, gpus: u8, gpu_milli: u16) -> Task {
    Task { cpu_milli, memory_mib: 1024, gpus, gpu_milli, models: Models::ANY }
}

fn shapes() -> Vec<NodeShape> {
    let small = NodeShape { cpu_milli: 16_000, memory_mib: 65_536, gpus: 2, model: Some(1), ..SHAPE };
    let without = NodeShape { gpus: 0, model: None, ..SHAPE };
    (0..23).map(|nth| [SHAPE, small, without][nth % 3]).collect()
}

fn tasks() -> Vec<Task> {
    let mut tasks = vec![gpu_task(1_000, 0, 0), gpu_task(4_000, 1, 300), gpu_task(2_000, 1, 550)];
    tasks.extend([gpu_task(8_000, 1, 1000), gpu_task(6_000, 2, 1000), gpu_task(500, 1, 50)]);
    tasks.push(Task { models: Models::only([1]), ..gpu_task(3_000, 1, 700) });
    tasks.push(Task { memory_mib: 60_000, ..gpu_task(1_000, 0, 0) });
    tasks
}

fn typical() -> Vec<Typical> {
    tasks().into_iter().zip([5, 9, 7, 20, 3, 1, 2, 4]).map(|(task, weight)| Typical { task, weight }).collect()
}

fn chosen(name: &str, options: &[(&str, OptionValue)]) -> Result<Chosen, PolicyError> {
    let options = options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    choose(name, &options, &Context { largest: Largest::of(&shapes()), typical: &typical() })
}

fn text(text: &str) -> OptionValue {
    OptionValue::Text(text.to_owned())
}

fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The first of the nodes with the best score, asked one by one.
fn scan(policy: &dyn Policy, task: &Task, nodes: &[Node]) -> Option<usize> {
    let fitting = nodes.iter().enumerate().filter(|(_, node)| node.fits(task));
    fitting.max_by_key(|(at, node)| (policy.score(task, node), std::cmp::Reverse(*at))).map(|(at, _)| at)
}

/// Random arrivals and departures; `check` sees the pool before each arrival and where the task went.
fn churn(chosen: &Chosen, seed: u64, mut check: impl FnMut(&[Node], &Task, Option<usize>)) {
    let mut pool = Pool::new(shapes(), Selection::of(chosen.policy.as_ref(), chosen.tie_break));
    let (mut events, mut draws) = (chance(seed), chance(seed + 1));
    let mut there: Vec<(usize, Task, Claim)> = Vec::new();
    for _ in 0..600 {
        if !there.is_empty() && below(&mut events, 3) == 0 {
            let (node, task, claim) = there.swap_remove(below(&mut events, there.len() as u64) as usize);
            pool.release(node, &task, claim);
            continue;
        }
        let shape = below(&mut events, tasks().len() as u64) as usize;
        // Numbers above those that have a board of their own mean the same.
        let number = if below(&mut events, 10) == 0 { shape + 1_000 } else { shape };
        let task = tasks()[shape];
        let before = pool.nodes().to_vec();
        let placed = pool.place(number, &task, chosen.policy.as_ref(), &mut draws);
        check(&before, &task, placed.map(|(node, _)| node));
        there.extend(placed.map(|(node, claim)| (node, task, claim)));
    }
}

#[test]
fn boards_choose_what_a_scan_chooses() {
    let mut compared = 0;
    for described in describe().filter(|policy| !matches!(policy.name, "random" | "power-of-k")) {
        let chosen = chosen(described.name, &[]).expect("every policy has defaults");
        churn(&chosen, 11, |nodes, task, node| {
            assert_eq!(node, scan(chosen.policy.as_ref(), task, nodes), "{}: {task:?}", described.name);
            compared += usize::from(node.is_some());
        });
    }
    assert!(compared > 2_000, "only {compared} placements were compared");
}

#[test]
fn drawn_nodes_fit_and_are_as_good_as_asked() {
    let everything = chosen("power-of-k", &[("samples", OptionValue::Integer(64)), ("by", text("worst-fit"))]);
    let everything = everything.expect("64 samples are allowed");
    churn(&everything, 5, |nodes, task, node| assert_eq!(node, scan(everything.policy.as_ref(), task, nodes)));
    for (name, options) in [("random", vec![]), ("power-of-k", vec![]), ("fgd", vec![("tie_break", text("random"))])] {
        let chosen = chosen(name, &options).expect("known options");
        churn(&chosen, 6, |nodes, task, node| match (node, scan(chosen.policy.as_ref(), task, nodes)) {
            (Some(node), Some(best)) => {
                assert!(nodes[node].fits(task), "{name}");
                let score = |at: usize| chosen.policy.score(task, &nodes[at]);
                assert!(name != "fgd" || score(node) == score(best), "{name} must be among the best");
            }
            (node, best) => assert_eq!(node, best, "{name}"),
        });
    }
}

#[test]
fn random_is_uniform_over_nodes_and_devices() {
    let chosen = chosen("random", &[]).expect("no options are needed");
    let task = gpu_task(1_000, 1, 500);
    let (mut nodes, mut devices) = ([0; 8], [0; 4]);
    let mut draws = chance(3);
    for _ in 0..8_000 {
        let mut pool = Pool::new(vec![SHAPE; 8], Selection::of(chosen.policy.as_ref(), chosen.tie_break));
        let (node, claim) = pool.place(0, &task, chosen.policy.as_ref(), &mut draws).expect("it fits");
        nodes[node] += 1;
        claim.devices().for_each(|device| devices[device] += 1);
    }
    assert!(nodes.iter().all(|count| (880..1_120).contains(count)), "{nodes:?}");
    assert!(devices.iter().all(|count| (1_850..2_150).contains(count)), "{devices:?}");
}

#[test]
fn power_of_two_choices_is_between_random_and_all() {
    let placed = |name: &str, options: &[(&str, OptionValue)]| {
        let chosen = chosen(name, options).expect("known options");
        let shape = NodeShape { tasks_max: u32::MAX, ..SHAPE };
        let mut pool = Pool::new(vec![shape; 100], Selection::of(chosen.policy.as_ref(), chosen.tie_break));
        let mut draws = chance(9);
        for _ in 0..1_000 {
            pool.place(0, &gpu_task(100, 0, 0), chosen.policy.as_ref(), &mut draws).expect("it fits");
        }
        pool.nodes().iter().map(Node::tasks).max()
    };
    let (one, two, all) = (placed("random", &[]), placed("power-of-k", &[]), placed("spread-tasks", &[]));
    assert!(one > two && two > all && all == Some(10), "{one:?} {two:?} {all:?}");
}

/// A node with these thousandths left on its devices, taken by sharing tasks of class 0.
fn node_with(free: &[u16]) -> Node {
    let mut node = Node::empty(NodeShape { gpus: free.len() as u8, tasks_max: 100, ..SHAPE });
    for (device, free) in free.iter().enumerate().filter(|(_, free)| **free < WHOLE_GPU) {
        let task = gpu_task(0, 1, WHOLE_GPU - free);
        let claim = node.claim(&task, Some(device));
        node.take(&Task { memory_mib: 0, ..task }, claim);
    }
    node
}

#[test]
fn gpu_packing_prefers_devices_in_use_then_nodes_in_use() {
    let policy = chosen("gpu-packing", &[]).expect("no options are needed").policy;
    for (task, free, expected) in [
        (gpu_task(0, 0, 0), &[1000, 400][..], 0),
        // All devices idle: the fewer the better.
        (gpu_task(0, 1, 500), &[1000, 1000], 31),
        (gpu_task(0, 1, 500), &[1000; 8], 25),
        // A device of a node in use.
        (gpu_task(0, 1, 1000), &[1000, 400], 49),
        (gpu_task(0, 2, 1000), &[1000, 1000, 0], 48),
        // A shared device: the less is left the better.
        (gpu_task(0, 1, 300), &[1000, 400], 96),
        (gpu_task(0, 1, 300), &[1000, 900], 91),
    ] {
        assert_eq!(policy.score(&task, &node_with(free)), expected, "{task:?} on {free:?}");
    }
}

#[test]
fn gpu_clustering_prefers_company_of_its_kind() {
    let policy = chosen("gpu-clustering", &[]).expect("no options are needed").policy;
    let mut mixed = node_with(&[400, 1000, 1000, 1000]);
    let whole = gpu_task(0, 1, 1000);
    mixed.take(&whole, mixed.claim(&whole, None));
    let sharing = gpu_task(0, 1, 300);
    for (task, node, expected) in [
        (gpu_task(0, 0, 0), &node_with(&[400]), 0),
        // Half a device of four is used: floor(25 * 600 / 4000) more.
        (sharing, &node_with(&[400, 1000, 1000, 1000]), 75 + 3),
        (sharing, &mixed, 50 + 10),
        (sharing, &node_with(&[1000; 4]), 25),
        (gpu_task(0, 2, 1000), &mixed, 10),
    ] {
        assert_eq!(policy.score(&task, node), expected, "{task:?}");
    }
}

#[test]
fn fragmentation_is_what_typical_tasks_cannot_use() {
    let half = Typical { task: gpu_task(1_000, 1, 500), weight: 3 };
    let without = Typical { task: gpu_task(1_000, 0, 0), weight: 1 };
    let fragmentation = Fragmentation::new(&[half, without]).expect("there are tasks");
    // 300 and 1000 are left: half the tasks' kind cannot use the 300, the CPU-only kind none of it.
    assert_eq!(fragmentation.of(&node_with(&[300, 1000])), 3 * 300 + 1_300);
    assert_eq!(fragmentation.of(&node_with(&[300, 400])), 4 * 700);
    assert_eq!(fragmentation.of(&node_with(&[0, 0])), 0);
    assert_eq!(Fragmentation::new(&[]), None);
    // Two devices asked for: both must do.
    let two = Fragmentation::new(&[Typical { task: gpu_task(1_000, 2, 1000), weight: 1 }]).expect("there are tasks");
    assert_eq!((two.of(&node_with(&[1000, 900])), two.of(&node_with(&[1000, 1000]))), (1_900, 0));
}

#[test]
fn truncation_makes_ties() {
    let emptier = Node::empty(SHAPE);
    let mut fuller = Node::empty(SHAPE);
    let crumb = Task { memory_mib: 0, ..gpu_task(1, 0, 0) };
    fuller.take(&crumb, Claim::default());
    let score = |options: &[(&str, OptionValue)], node: &Node| {
        chosen("best-fit", options).expect("known options").policy.score(&gpu_task(1_000, 0, 0), node)
    };
    assert!(score(&[], &fuller) > score(&[], &emptier), "exact scores tell them apart");
    let steps = [("truncate", OptionValue::Integer(100))];
    assert_eq!(score(&steps, &fuller), score(&steps, &emptier));
}

#[test]
fn mistakes_in_options_are_explained() {
    let number = |number: i64| OptionValue::Integer(number);
    let texts = |texts: &[&str]| OptionValue::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
    for (name, options, message) in [
        ("bestfit", vec![], "unknown policy \"bestfit\", expected one of best-fit, "),
        ("random", vec![("k", number(1))], "policy random has no option \"k\", expected tie_break, node_order"),
        ("fgd", vec![("truncate", number(0))], "option truncate: 0 given, expected \"exact\" or a whole number"),
        ("fgd", vec![("tie_break", text("last"))], "\"last\" given, expected one of \"first\", \"random\""),
        ("best-fit", vec![("dimensions", texts(&[]))], "expected a list without repetition of \"cpu\""),
        ("best-fit", vec![("dimensions", texts(&["cpu", "cpu"]))], "expected a list without repetition"),
        ("best-fit", vec![("dimensions", text("cpu"))], "expected a list"),
        ("power-of-k", vec![("samples", number(-2))], "option samples: -2 given, expected a whole number from 1"),
        ("power-of-k", vec![("by", text("random"))], "option by: \"random\" given, expected one of \"best-fit\""),
        ("power-of-k", vec![("by", text("fgd")), ("prefer", text("x"))], "has no option \"prefer\""),
    ] {
        let error = chosen(name, &options).expect_err(message).to_string();
        assert!(error.contains(message), "{name} {options:?}: {error}");
    }
    let nothing = Context { largest: Largest::of(&shapes()), typical: &[] };
    let error = choose("fgd", &Options::new(), &nothing).expect_err("fgd needs tasks");
    assert!(matches!(error, PolicyError::NoTypicalTasks { .. }), "{error}");
    let primes =
        [(4_294_967_291, 4_294_967_279)].map(|(cpu_milli, memory_mib)| NodeShape { cpu_milli, memory_mib, ..SHAPE });
    let huge = Context { largest: Largest::of(&primes), typical: &[] };
    let error = choose("dot-product", &Options::new(), &huge).expect_err("no 64 bits hold that");
    assert!(matches!(error, PolicyError::Scale { .. }), "{error}");
}
