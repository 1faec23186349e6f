//! Requests made up from the model's own tables out of awkward values: every one is answered, none with a 5xx.

use super::Api;
use plimsoll_ecs_api::{OPERATIONS, Shape};
use serde_json::{Map, Value, json};

const ROUNDS: usize = 60;
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
}

#[tokio::test]
async fn no_request_made_of_the_models_shapes_is_a_fault() {
    let api = Api::with_instances(2).await;
    let awkward = ["", " ", "é\u{202e}", "-1", "1 vCPU", "256", "arn:aws:ecs", "web:0", "web:1", "web", "a:b:c", ID];
    let known =
        ["default", "front", "app", "EC2", "memberOf", "random", "spread", "attribute:a == b", "host", "CPU", "MEMORY"];
    let mut texts: Vec<String> = awkward.into_iter().chain(known).map(str::to_owned).collect();
    texts.push("x".repeat(3000));
    texts.push(format!("arn:aws:ecs:eu-west-1:123456789012:task/default/{ID}"));
    texts.extend(api.instances().await);
    api.ok("CreateService", json!({"serviceName": "front", "taskDefinition": "web", "desiredCount": 2})).await;
    let mut maker = Maker { dice: Dice(4747), texts };
    let (mut answered, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        for operation in OPERATIONS {
            let body = maker.value(operation.input, 0);
            match api.call(operation.name, body.clone()).await {
                Ok(_) => answered += 1,
                Err(error) => {
                    refused += 1;
                    assert!(error.status < 500, "{} {body}: {error}", operation.name);
                    assert!(!error.message.is_empty(), "{} {body}: {error}", operation.name);
                }
            }
        }
    }
    assert!(answered > ROUNDS, "{answered} answered, {refused} refused: the requests are too awkward to test anything");
}
