//! Requests made up from the model's own tables out of awkward values, and JSON of any kind: every one is answered within
//! a second, none with a 5xx.
//!
//! `PLIMSOLL_HOSTILE_INPUTS=1000000 cargo test --workspace --lib hostile` is the longer run.

use super::Api;
use plimsoll_ecs_api::{OPERATIONS, Shape};
use serde_json::{Map, Value, json};
use std::time::{Duration, Instant};

/// Requests, unless the environment says how many.
const INPUTS: usize = 20_000;
/// The longest that one may take. The machines that run this are shared: a tenth of it is usual.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);
const ID: &str = "0123456789abcdef0123456789abcdef";

/// A small generator of its own (Knuth's MMIX constants): the same requests in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len())]
    }
}

struct Maker {
    dice: Dice,
    /// Names and ids that exist, beside ones that cannot.
    texts: Vec<String>,
}

impl Maker {
    fn value(&mut self, shape: &Shape, depth: usize) -> Value {
        match shape {
            Shape::Structure(structure) => {
                let mut members = Map::new();
                for member in structure.members {
                    let present = if member.required { self.dice.roll(20) > 0 } else { self.dice.roll(3 + depth) == 0 };
                    if present {
                        members.insert(member.name.to_owned(), self.value(member.shape, depth + 1));
                    }
                }
                Value::Object(members)
            }
            Shape::List { element, .. } => (0..self.dice.roll(4)).map(|_| self.value(element, depth + 1)).collect(),
            Shape::Map(element) => json!({ "k": self.value(element, depth + 1) }),
            Shape::Text { .. } => json!(self.dice.pick(&self.texts)),
            Shape::Enum(values) => json!(self.dice.pick(values)),
            // No more than a small cluster can be asked to run.
            Shape::Integer { .. } | Shape::Long { .. } => {
                json!(self.dice.pick(&[i32::MIN, -1, 0, 1, 2, 3, 10, 80, 100, 128, 512, 1024]))
            }
            Shape::Double { .. } => json!(self.dice.pick(&[-1.5, 0.0, 1e300])),
            Shape::Boolean => json!(self.dice.roll(2) == 0),
            Shape::Timestamp => json!(self.dice.pick(&[-1.0, 0.0, 1_431_444_514.347, 9e10])),
            Shape::Document => json!({}),
        }
    }

    /// A request of the model's shape; one with a part of it replaced by JSON of any kind; or nothing but that.
    fn body(&mut self, shape: &Shape) -> Value {
        match self.dice.roll(4) {
            0 => self.any(0),
            1 => {
                let mut body = self.value(shape, 0);
                let any = self.any(1);
                *self.part(&mut body) = any;
                body
            }
            _ => self.value(shape, 0),
        }
    }

    /// Some value inside, or the whole.
    fn part<'v>(&mut self, whole: &'v mut Value) -> &'v mut Value {
        let entries = match &*whole {
            Value::Object(members) => members.len(),
            Value::Array(entries) => entries.len(),
            _ => 0,
        };
        if entries == 0 || self.dice.roll(3) == 0 {
            return whole;
        }
        let at = self.dice.roll(entries);
        let inner = match whole {
            Value::Object(members) => members.values_mut().nth(at),
            Value::Array(entries) => entries.get_mut(at),
            _ => None,
        };
        self.part(inner.expect("below the number of entries"))
    }

    fn any(&mut self, depth: usize) -> Value {
        match self.dice.roll(if depth > 4 { 6 } else { 8 }) {
            0 => Value::Null,
            1 => json!(self.dice.roll(2) == 0),
            2 => json!(self.dice.pick(&[i64::MIN, -1, 0, 1, 65_536, i64::MAX])),
            3 => json!(self.dice.pick(&[-0.0, 0.5, 1e-300, 1e300])),
            4 | 5 => json!(self.dice.pick(&self.texts)),
            6 => (0..self.dice.roll(5)).map(|_| self.any(depth + 1)).collect(),
            _ => {
                let mut members = Map::new();
                for _ in 0..self.dice.roll(5) {
                    members.insert(self.dice.pick(&self.texts).clone(), self.any(depth + 1));
                }
                Value::Object(members)
            }
        }
    }
}

fn inputs() -> usize {
    let given = std::env::var("PLIMSOLL_HOSTILE_INPUTS").ok();
    given.map_or(INPUTS, |given| given.parse().expect("PLIMSOLL_HOSTILE_INPUTS is a number"))
}

#[tokio::test]
async fn no_request_made_of_the_models_shapes_is_a_fault() {
    let api = Api::with_instances(2).await;
    let awkward = ["", " ", "é\u{202e}", "-1", "1 vCPU", "256", "arn:aws:ecs", "web:0", "web:1", "web", "a:b:c", ID];
    let known =
        ["default", "front", "app", "EC2", "memberOf", "random", "spread", "attribute:a == b", "host", "CPU", "MEMORY"];
    let mut texts: Vec<String> = awkward.into_iter().chain(known).map(str::to_owned).collect();
    texts.push("x".repeat(3000));
    for resource in [format!("task/default/{ID}"), "service/default/front".into(), "task-definition/web:1".into()] {
        texts.push(format!("arn:aws:ecs:eu-west-1:123456789012:{resource}"));
    }
    texts.extend(api.instances().await);
    api.ok("CreateService", json!({"serviceName": "front", "taskDefinition": "web", "desiredCount": 2})).await;
    let mut maker = Maker { dice: Dice(4747), texts };
    let (inputs, mut answered, mut slowest) = (inputs(), 0, Duration::ZERO);
    for number in 0..inputs {
        let operation = &OPERATIONS[number % OPERATIONS.len()];
        let body = maker.body(operation.input);
        let asked = Instant::now();
        let answer = api.call(operation.name, body.clone()).await;
        slowest = slowest.max(asked.elapsed());
        match answer {
            Ok(answer) => {
                answered += 1;
                assert!(answer.is_object(), "{} {body}: {answer}", operation.name);
            }
            Err(error) => {
                assert!((400..500).contains(&error.status), "{} {body}: {error}", operation.name);
                assert!(!error.message.is_empty(), "{} {body}: {error}", operation.name);
                assert!(error.message.len() < 5000, "{} {body}: {error}", operation.name);
            }
        }
        assert!(slowest < ANSWER_TIME_MAX, "{} {body} took {slowest:?}", operation.name);
    }
    println!("{inputs} requests, {answered} answered, the slowest after {slowest:?}");
    assert!(answered > inputs / 100, "{answered} of {inputs} answered: the requests are too awkward to test anything");
}
