//! What is read, and how mistakes in files are answered.

use super::*;
use crate::cluster::Cluster;
use plimsoll_placement::policy::Models;
use proptest::prelude::*;

const NODES: &str = "sn,cpu_milli,memory_mib,gpu,model\nn-0,64000,262144,2,P100\nn-1,96000,393216,8,G2\n";
const PODS: &str = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,\
scheduled_time\np-1,12000,16384,1,460,G2|P100,LS,Running,0,1,0\np-0,6000,12288,2,1000,,LS,Running,1,,\n";

fn named<'a>(name: &'a str, text: &'a str) -> Source<'a> {
    Source { name, text }
}

fn openb() -> Cluster {
    openb_nodes(named("nodes.csv", NODES)).expect("the nodes are well formed")
}

#[test]
fn openb_lists_are_read_in_order_of_names() {
    let cluster = openb();
    assert_eq!((cluster.nodes.len(), cluster.models.join(" ")), (2, "P100 G2".to_owned()));
    let pods = openb_pods(named("pods.csv", PODS), &cluster).expect("the pods are well formed");
    let tasks: Vec<_> = pods.arrivals.iter().map(|arrival| *pods.task(arrival)).collect();
    assert_eq!((tasks[0].gpus, tasks[0].gpu_milli, tasks[0].models), (2, 1000, Models::ANY));
    assert_eq!((tasks[1].gpus, tasks[1].gpu_milli, tasks[1].models), (1, 460, Models::only([0, 1])));
    let short = "name,cpu_milli,memory_mib,num_gpu,gpu_milli\np,1,2,0,0\n";
    assert_eq!(openb_pods(named("short.csv", short), &cluster).expect("no gpu_spec is none").arrivals.len(), 1);
}

#[test]
fn mistakes_in_openb_files_are_located() {
    for (text, message) in [
        ("", "nodes.csv:1: expected a column sn"),
        ("sn,cpu_milli,memory_mib,gpu,model\n", "nodes.csv: expected at least one node, found none"),
        ("sn,cpu,memory_mib,gpu,model\n", "nodes.csv:1: column 2: unknown column \"cpu\", expected sn, cpu_milli"),
        ("sn,sn,memory_mib,gpu,model\n", "nodes.csv:1: column 2 (sn): the column is there twice"),
        ("sn,cpu_milli,memory_mib,gpu\na,1,2,0\n", "nodes.csv:1: expected a column model, found sn"),
        ("sn,cpu_milli,memory_mib,gpu,model\na,1,2,0\n", "nodes.csv:2: expected 5 columns as in the header, found 4"),
        (
            "sn,cpu_milli,memory_mib,gpu,model\na,1,2,0,\nb,-5,2,0,\n",
            "nodes.csv:3: column 2 (cpu_milli): expected a whole number from 1 to 4294967295, found \"-5\"",
        ),
        (
            "sn,cpu_milli,memory_mib,gpu,model\na,1,x,0,\n",
            "nodes.csv:2: column 3 (memory_mib): expected a whole number",
        ),
        (
            "sn,cpu_milli,memory_mib,gpu,model\na,1,,0,\n",
            "(memory_mib): expected a whole number from 1 to 4294967295, found nothing",
        ),
        (
            "sn,cpu_milli,memory_mib,gpu,model\na,1,2,17,G2\n",
            "column 4 (gpu): expected a whole number from 0 to 16, found \"17\"",
        ),
    ] {
        let error = openb_nodes(named("nodes.csv", text)).expect_err(message).to_string();
        assert!(error.contains(message), "{text:?}: {error}");
    }
    for (row, message) in [
        ("p,1,2,0,300", "pods.csv:2: column 5 (gpu_milli): expected 0 for a task without GPU, found 300"),
        ("p,1,2,1,0", "column 5 (gpu_milli): expected 1 to 1000 for a task with GPUs, found 0"),
        ("p,1,2,2,500", "expected 1000 for a task with several GPUs, found 500"),
        ("p,1,2,1,1001", "expected a whole number from 0 to 1000, found \"1001\""),
        ("p,1,99999999999,0,0", "column 3 (memory_mib): expected a whole number from 0 to 4294967295"),
        ("", "pods.csv: expected at least one task, found none"),
    ] {
        let text = format!("name,cpu_milli,memory_mib,num_gpu,gpu_milli\n{row}\n");
        let error = openb_pods(named("pods.csv", &text), &openb()).expect_err(message).to_string();
        assert!(error.contains(message), "{row:?}: {error}");
    }
}

#[test]
fn own_files_may_leave_columns_out() {
    let nodes = "name,cpu_milli,memory_mib\na,1000,2048\n";
    let cluster = own_cluster(named("nodes.csv", nodes)).expect("three columns are enough");
    let tasks = "cpu_milli,memory_mib,arrives_s,lifetime_s\n500,1024,0,60\n500,1024,30,\n";
    let workload = own_workload(named("tasks.csv", tasks), &cluster).expect("well formed");
    assert_eq!((workload.shapes.len(), workload.end_s), (1, Some(60)));
    assert_eq!(workload.arrivals.iter().map(|one| one.leaves_s).collect::<Vec<_>>(), [Some(60), None]);
    for (row, message) in [
        ("5,5,10,\n5,5,9,", "tasks.csv:3: column 3 (arrives_s): expected 10 or later, found 9"),
        ("5,5,,\n5,5,9,", "tasks.csv:3: column 3 (arrives_s): expected a time in every row or in none"),
        ("5,5,,60", "column 4 (lifetime_s): expected nothing in a row without arrives_s"),
    ] {
        let text = format!("cpu_milli,memory_mib,arrives_s,lifetime_s\n{row}\n");
        let error = own_workload(named("tasks.csv", &text), &cluster).expect_err(message).to_string();
        assert!(error.contains(message), "{row:?}: {error}");
    }
}

#[test]
fn azure_streams_are_read_together() {
    let read = |arrivals: &str, lifetimes: &str, flavors: &str| {
        let bins = named("bins.csv", "bin,lower_s,upper_s\n0,0,300\n1,300,600\n");
        let (arrivals, lifetimes) = (named("vms.txt", arrivals), named("lives.txt", lifetimes));
        azure_flavors(&AzureFlavors { arrivals, lifetimes, flavors: named("map.txt", flavors), bins }, 3_000)
    };
    let map = "1,0.75 a\n2,3.5 b\n";
    let workload = read("0 a,|,b,\n300 b\n", "0 U1,|,C0,\n300 U0\n", map).expect("well formed");
    let leaves: Vec<_> = workload.arrivals.iter().map(|one| one.leaves_s).collect();
    assert_eq!(leaves, [Some(600), None, Some(600)]);
    assert_eq!((workload.shapes[0].task.memory_mib, workload.shapes[1].task.cpu_milli), (768, 2_000));
    for (arrivals, lifetimes, flavors, message) in [
        ("0 a,c", "0 U0,U0", map, "vms.txt:1: column 5 (flavour): expected a flavour of map.txt, found \"c\""),
        ("0 a", "0 X0", map, "lives.txt:1: column 3 (lifetime): expected U or C and a bin of bins.csv, found \"X0\""),
        ("0 a", "0 U9", map, "found \"U9\""),
        ("0 a", "0 ü", map, "found \"ü\""),
        ("0 a,a", "0 U0", map, "lives.txt:1: expected 2 VMs as in vms.txt, found 1"),
        ("0 a\n300 a", "0 U0", map, "lives.txt: expected as many lines as vms.txt, found fewer"),
        ("0 a", "0 U0\n300 U0", map, "lives.txt:2: expected no more lines than vms.txt"),
        ("0 a", "300 U0", map, "lives.txt:1: column 1 (time): expected time 0 as in vms.txt, found 300"),
        ("300 a\n0 a", "300 U0\n0 U0", map, "vms.txt:2: column 1 (time): expected times that do not fall"),
        ("x a", "0 U0", map, "vms.txt:1: column 1 (time): expected a whole number of seconds, found \"x\""),
        ("", "", map, "vms.txt: expected at least one VM, found none"),
        ("0 a", "0 U0", "1 a", "map.txt:1: expected <vCPU>,<memory GiB>, found \"1 a\""),
        ("0 a", "0 U0", "-1,2 a", "map.txt:1: expected a positive number of vCPUs, found \"-1,2 a\""),
        ("0 a", "0 U0", "1,0.0001 a", "map.txt:1: expected a positive number of GiB"),
    ] {
        let error = read(arrivals, lifetimes, flavors).expect_err(message).to_string();
        assert!(error.contains(message), "{arrivals:?} {lifetimes:?}: {error}");
    }
}

#[test]
fn google_events_become_stays() {
    let machine = Machine { cpu_milli: 10_000, memory_mib: 1_000 };
    let read = |text: &str| google_events(named("events.csv", text), machine);
    let text = "0,,1,0,,0,u,0,0,0.05,0.01,0,0\n5000000,,1,0,9,1,u,0,0,0.05,0.0101,0,0\n9000000,,1,0,9,4,u,0,0,0.05,0.01,0,0\n\
                9000000,,1,1,9,1,u,0,0,,,,\n12000000,,1,0,9,1,u,0,0,0.05,0.0101,0,0\n";
    let workload = read(text).expect("well formed");
    let stays: Vec<_> = workload.arrivals.iter().map(|one| (one.at_s, one.leaves_s)).collect();
    assert_eq!(stays, [(5, Some(9)), (12, None)]);
    assert_eq!((workload.shapes[0].task.cpu_milli, workload.shapes[0].task.memory_mib), (500, 11));
    for (text, message) in [
        ("", "events.csv: expected at least one task, found none"),
        ("1,2,3\n", "events.csv:1: expected 13 columns, found 3"),
        ("0,,1,0,,9,u,0,0,0,0,0,0\n", "column 6 (event_type): expected a whole number from 0 to 8, found \"9\""),
        ("0,,1,0,,1,u,0,0,-1,0,0,0\n", "column 10 (cpu_request): expected a number of 0 or more, found \"-1\""),
        (
            "9000000,,1,0,,1,u,0,0,1,1,0,0\n0,,1,0,,4,u,0,0,1,1,0,0\n",
            "events.csv:2: column 1 (time): expected 9 s or later",
        ),
    ] {
        let error = read(text).expect_err(message).to_string();
        assert!(error.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn alibaba_tasks_become_their_instances() {
    let read = |text: &str| alibaba_batch(named("batch_task.csv", text), 200_000);
    let text = "t1,2,j1,1,Terminated,50,60,100.0,0.5\nt2,1,j1,1,Running,10,,50,0.49\nt3,1,j2,1,Waiting,,,,\n";
    let workload = read(text).expect("well formed");
    let stays: Vec<_> = workload.arrivals.iter().map(|one| (one.at_s, one.leaves_s)).collect();
    assert_eq!(stays, [(10, None), (50, Some(60)), (50, Some(60))]);
    let sizes: Vec<_> = workload.shapes.iter().map(|one| (one.task.cpu_milli, one.task.memory_mib)).collect();
    assert_eq!(sizes, [(1_000, 1_000), (500, 980)]);
    for (text, message) in [
        ("t3,1,j2,1,Waiting,,,,\n", "batch_task.csv: expected at least one task, found none"),
        ("t1,x,j1,1,Terminated,50,60,100,1\n", "batch_task.csv:1: column 2 (instance_num): expected a whole number"),
        ("t1,1,j1,1,Terminated,50,40,100,1\n", "column 7 (end_time): expected 50 or later, found 40"),
        ("t1,1,j1,1,Terminated,50,60,NaN,1\n", "column 8 (plan_cpu): expected a number of 0 or more, found \"NaN\""),
    ] {
        let error = read(text).expect_err(message).to_string();
        assert!(error.contains(message), "{text:?}: {error}");
    }
}

#[test]
fn google_2019_events_are_read_from_json_and_from_csv() {
    let machine = Machine { cpu_milli: 10_000, memory_mib: 1_000 };
    let read = |text: &str| google_2019_events(named("events", text), machine);
    // Scheduled twice; an instance inside an alloc set; one that was there before; one still there after the trace.
    let json = r#"{"time":"0","type":"0","collection_id":"1","instance_index":"0","resource_request":{"cpus":0.05,"memory":0.01}}
{"time":"5000000","type":"3","collection_id":"1","instance_index":"0","alloc_collection_id":"0","machine_id":"9","resource_request":{"cpus":0.05,"memory":0.0101},"constraint":[]}
{"time":6000000,"type":"SCHEDULE","collection_id":2,"instance_index":4,"alloc_collection_id":1,"resource_request":{"cpus":0.05,"memory":0.01}}

{"time":"9000000","type":"EVICT","collection_id":"1","instance_index":"0"}
{"time":"9000000","type":3,"collection_id":"1","instance_index":"1","resource_request":null}
{"time":"12000000","type":"3","collection_id":"1","instance_index":"0","resource_request":{"cpus":0.05,"memory":0.0101}}
{"time":"9223372036854775807","type":"6","collection_id":"1","instance_index":"0"}
"#;
    let csv = "time,type,collection_id,instance_index,resource_request.cpus,resource_request.memory,alloc_collection_id\n\
               5000000,3,1,0,0.05,0.0101,0\n6000000,SCHEDULE,2,4,0.05,0.01,1\n9000000,4,1,0,,,\n12000000,3,1,0,0.05,0.0101,\n";
    for text in [json.to_owned(), csv.to_owned(), csv.replace("request.", "request_")] {
        let workload = read(&text).expect("well formed");
        let stays: Vec<_> = workload.arrivals.iter().map(|one| (one.at_s, one.leaves_s)).collect();
        assert_eq!(stays, [(5, Some(9)), (12, None)]);
        assert_eq!((workload.shapes[0].task.cpu_milli, workload.shapes[0].task.memory_mib), (500, 11));
        assert_eq!(workload.end_s, Some(12));
    }
    let head = "time,type,collection_id,instance_index,resource_request_cpus,resource_request_memory\n";
    for (text, message) in [
        ("".to_owned(), "events:1: expected a column time"),
        (head.to_owned(), "events: expected at least one task, found none"),
        (head.replace("type", "kind"), "events:1: column 2: unknown column \"kind\", expected time, type, "),
        (
            format!("{head}1,11,1,0,1,1\n"),
            "events:2: column 2 (type): expected a whole number from 0 to 10 or one of SUBMIT, ",
        ),
        (
            format!("{head}1,3,1,0,-1,1\n"),
            "events:2: column 5 (resource_request_cpus): expected a number of 0 or more, found",
        ),
        (
            format!("{head}9000000,3,1,0,1,1\n1,4,1,0,,\n"),
            "events:3: column 1 (time): expected 9 s or later, found 0 s",
        ),
        ("{\"time\": 1,".to_owned(), "events:1: column 11: expected one JSON object on a line: "),
        ("{\"time\": 1}".to_owned(), "events:1: expected a member type, found none"),
        ("{}\n{}".to_owned(), "events:1: expected a member type"),
        (
            json.replace("\"12000000\"", "\"-1\""),
            "events:7: time: expected a whole number from 0 to 9223372036854775807, found \"-1\"",
        ),
        (
            json.replace("\"cpus\":0.05", "\"cpus\":-0.05"),
            "events:1: resource_request.cpus: expected a number of 0 or more, found -0.05",
        ),
        (
            json.replace("\"EVICT\"", "\"STOP\""),
            "events:5: type: expected a whole number from 0 to 10 or one of SUBMIT",
        ),
    ] {
        let error = read(&text).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
}

#[test]
fn the_largest_time_of_google_traces_is_after_them() {
    let machine = Machine { cpu_milli: 10_000, memory_mib: 1_000 };
    let text = "5000000,,1,0,9,1,u,0,0,0.05,0.01,0,0\n9223372036854775807,,1,0,9,4,u,0,0,0.05,0.01,0,0\n\
                9223372036854775807,,2,0,9,1,u,0,0,0.05,0.01,0,0\n";
    let workload = google_events(named("events.csv", text), machine).expect("well formed");
    assert_eq!((workload.arrivals.len(), workload.arrivals[0].leaves_s, workload.end_s), (1, None, Some(5)));
}

#[test]
fn mistakes_in_own_files_are_located() {
    for (text, message) in [
        ("", "nodes.csv:1: expected a column name, found "),
        ("name,cpu_milli,memory_mib\n", "nodes.csv: expected at least one node, found none"),
        (
            "name,cpu_milli,memory_mib,disk\na,1,2,3\n",
            "nodes.csv:1: column 4: unknown column \"disk\", expected name, cpu_milli",
        ),
        ("name,cpu_milli,memory_mib\na,1,2\nb,1\n", "nodes.csv:3: expected 3 columns as in the header, found 2"),
        ("name,cpu_milli,memory_mib\na,0,2\n", "nodes.csv:2: column 2 (cpu_milli): expected a whole number from 1 to"),
        (
            "name,cpu_milli,memory_mib,gpus\na,1,2,-1\n",
            "column 4 (gpus): expected a whole number from 0 to 16, found \"-1\"",
        ),
        ("name,cpu_milli,memory_mib,tasks_max\na,1,2,0\n", "column 4 (tasks_max): expected a whole number from 1 to"),
    ] {
        let error = own_cluster(named("nodes.csv", text)).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
    for (text, message) in [
        ("", "tasks.csv:1: expected a column cpu_milli, found "),
        ("cpu_milli,memory_mib\n", "tasks.csv: expected at least one task, found none"),
        ("cpu_milli,memory\n1,2\n", "tasks.csv:1: column 2: unknown column \"memory\", expected cpu_milli, memory_mib"),
        ("cpu_milli,memory_mib\n1,2\n1,2,3\n", "tasks.csv:3: expected 2 columns as in the header, found 3"),
        (
            "cpu_milli,memory_mib\n-1,2\n",
            "tasks.csv:2: column 1 (cpu_milli): expected a whole number from 0 to 4294967295, found \"-1\"",
        ),
        ("cpu_milli,memory_mib\n1.5,2\n", "tasks.csv:2: column 1 (cpu_milli): expected a whole number from 0 to"),
        (
            "cpu_milli,memory_mib,arrives_s\n1,2,-5\n",
            "tasks.csv:2: column 3 (arrives_s): expected a whole number from 0 to",
        ),
    ] {
        let error = own_workload(named("tasks.csv", text), &Cluster::default()).expect_err(message).to_string();
        assert!(error.contains(message), "expected {message:?}, found {error:?}");
    }
}

/// Lines that look a little like those of some trace.
fn almost_a_trace() -> impl Strategy<Value = String> {
    let header = prop::sample::select(vec![
        "",
        "name,cpu_milli,memory_mib,gpus,gpu_model,tasks_max\n",
        "name,cpu_milli,memory_mib,arrives_s,lifetime_s,gpus\n",
        "sn,cpu_milli,memory_mib,gpu,model\n",
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli\n",
        "time,type,collection_id,instance_index,resource_request.cpus,resource_request.memory\n",
        "bin,lower_s,upper_s\n",
    ]);
    let field = prop::sample::select(vec![
        "",
        "0",
        "1",
        "7",
        "60",
        "999",
        "-4",
        "0.5",
        "NaN",
        "9223372036854775807",
        "U1",
        "C0",
        "\"",
        "a b",
        "{\"time\":1}",
        "|",
        "ü",
    ]);
    let line = prop::collection::vec(field, 0..14).prop_map(|fields| fields.join(","));
    (header, prop::collection::vec(line, 0..6)).prop_map(|(header, lines)| format!("{header}{}", lines.join("\n")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    /// A file is read or refused with its name; nothing in it makes a reader panic.
    #[test]
    fn no_text_makes_a_reader_panic(one in almost_a_trace(), other in almost_a_trace()) {
        let (cluster, machine) = (Cluster::default(), Machine { cpu_milli: 1_000, memory_mib: 1_000 });
        let file = named("file", &one);
        let azure = AzureFlavors { arrivals: file, lifetimes: named("file", &other), flavors: file, bins: file };
        let packing =
            AzurePacking { database: "file", vms: &one, types: &other, machine_id: 1, machine, end_s: Some(100) };
        let errors = [
            openb_nodes(file).err(),
            own_cluster(file).err(),
            openb_pods(file, &cluster).err(),
            own_workload(file, &cluster).err(),
            google_events(file, machine).err(),
            google_2019_events(file, machine).err(),
            alibaba_batch(file, 1_000).err(),
            azure_flavors(&azure, 1_000).err(),
            azure_packing(&packing).err(),
        ];
        for error in errors.into_iter().flatten() {
            prop_assert!(error.to_string().starts_with("file"), "{error}");
        }
    }
}
