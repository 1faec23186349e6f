//! A policy as one line of text: `best-fit`, `power-of-k?samples=3&by=best-fit`.

use super::registry::{self, Chosen, Context};
use super::{Largest, Models, OptionValue, Options, PolicyError, Task, Typical, WHOLE_GPU};

/// The option whose value is a list even where it has one word.
const LIST: &str = "dimensions";

/// Where nodes stand in order of their ids, they have no other order.
const NODE_ORDER: &str = "node_order";

/// Amounts a score is computed with, at most: so no score of a policy that was accepted can be too large for 64 bits.
pub(super) const AMOUNT_MAX: u32 = 1 << 24;

/// A name with options that exist, for a fleet whose nodes come and go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicySpec {
    text: String,
    name: String,
    options: Options,
    expects_tasks: bool,
}

impl PolicySpec {
    /// Refuses what [`registry::choose`] would refuse for any fleet.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (name, options) = text.split_once('?').unwrap_or((text, ""));
        let wrong = || PolicyError::Text { given: text.to_owned() };
        let mut read = Options::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (option, value) = option.split_once('=').ok_or_else(wrong)?;
            if read.insert(option.to_owned(), value_of(option, value)).is_some() {
                return Err(wrong());
            }
        }
        let mut spec = PolicySpec { text: text.to_owned(), name: name.to_owned(), options: read, expects_tasks: false };
        let largest = Largest { cpu_milli: AMOUNT_MAX, memory_mib: AMOUNT_MAX, gpu_milli: 16 * u32::from(WHOLE_GPU) };
        let largest = largest.to_powers_of_two();
        spec.build(largest, &[ONE_GPU])?;
        let without = registry::choose(&spec.name, &spec.options, &Context { largest, typical: &[] });
        spec.expects_tasks = matches!(without, Err(PolicyError::NoTypicalTasks { .. }));
        if spec.options.contains_key(NODE_ORDER) {
            let known = registry::describe().find(|policy| policy.name == spec.name);
            let known = known.iter().flat_map(|policy| policy.options.split(", ")).filter(|option| !option.is_empty());
            let known = known.chain(["tie_break"]).collect();
            return Err(PolicyError::Option { policy: spec.name, given: NODE_ORDER.to_owned(), known });
        }
        Ok(spec)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it scores by the tasks that are to be expected; the others need not be told.
    pub fn expects_tasks(&self) -> bool {
        self.expects_tasks
    }

    pub(super) fn build(&self, largest: Largest, typical: &[Typical]) -> Result<Chosen, PolicyError> {
        let typical = if typical.is_empty() { &[ONE_GPU] } else { typical };
        registry::choose(&self.name, &self.options, &Context { largest, typical })
    }
}

/// What is to be expected where nothing is known.
const ONE_GPU: Typical = Typical {
    task: Task { cpu_milli: 1, memory_mib: 1, gpus: 1, gpu_milli: WHOLE_GPU, models: Models::ANY },
    weight: 1,
};

fn value_of(option: &str, value: &str) -> OptionValue {
    if option == LIST || value.contains(',') {
        return OptionValue::Texts(value.split(',').map(str::to_owned).collect());
    }
    value.parse().map_or_else(|_| OptionValue::Text(value.to_owned()), OptionValue::Integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_one_line() {
        for text in [
            "best-fit",
            "best-fit?",
            "worst-fit?dimensions=memory&truncate=100",
            "dot-product?prefer=smallest&dimensions=cpu,memory,gpu&truncate=exact",
            "power-of-k?samples=3&by=best-fit&dimensions=cpu&tie_break=random",
            "fgd",
        ] {
            let policy = PolicySpec::parse(text).unwrap();
            assert_eq!((policy.as_str(), policy.expects_tasks()), (text, text == "fgd"));
        }
        for (text, expected) in [
            ("best", "unknown policy \"best\", expected one of best-fit, binpack-cpu, "),
            ("", "unknown policy \"\", expected one of best-fit, "),
            ("first-fit?truncate=3", "policy first-fit has no option \"truncate\", expected tie_break, node_order"),
            ("power-of-k?samples=0", "option samples: 0 given, expected a whole number from 1 to 64"),
            ("power-of-k?samples", "policy \"power-of-k?samples\": expected NAME or NAME?OPTION=VALUE&OPTION=VALUE"),
            ("best-fit?truncate=1&truncate=2", "each option once"),
            ("best-fit?dimensions=disk", "expected a list without repetition of \"cpu\", \"memory\", \"gpu\""),
            (
                "best-fit?node_order=name",
                "policy best-fit has no option \"node_order\", expected dimensions, truncate, ",
            ),
        ] {
            let error = PolicySpec::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
