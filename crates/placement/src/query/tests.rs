//! The language by its rules: what parses, what it means, and what is said about what does not.

use super::{Expression, Facts};
use plimsoll_model::Timestamp;

const LINUX: Instance = Instance {
    attributes: &[
        ("stack", "test"),
        ("ecs.instance-type", "g2.2xlarge"),
        ("ecs.availability-zone", "us-east-1a"),
        ("slots", "10"),
        ("name-only", ""),
    ],
    connected: true,
    version: Some("1.14.0"),
    running: 2,
    groups: &["databases", "service:web"],
};

const BARE: Instance = Instance { attributes: &[], connected: false, version: None, running: 0, groups: &[] };

#[test]
fn cql_5_6_7_attributes() {
    for (text, on_linux, on_bare) in [
        ("attribute:stack == test", true, false),
        ("attribute:stack==test", true, false),
        ("attribute:stack equals test", true, false),
        ("attribute:stack == TEST", false, false),
        ("attribute:stack != prod", true, false),
        ("attribute:stack not_equals prod", true, false),
        ("not(attribute:stack == prod)", true, true),
        ("!(attribute:stack == test)", false, true),
        ("attribute:stack exists", true, false),
        ("attribute:stack !exists", false, true),
        ("attribute:stack not_exists", false, true),
        ("attribute:stack in [prod, test]", true, false),
        ("attribute:stack in ['prod',\"test\"]", true, false),
        ("attribute:stack !in [prod]", true, false),
        ("attribute:stack not_in [test]", false, false),
        ("attribute:stack !~ p.*", true, false),
        ("attribute:stack not_matches te.*", false, false),
        ("attribute:name-only exists", true, false),
        ("attribute:name-only == ''", true, false),
        ("attribute:name-only !exists", false, true),
        // Numbers compare as numbers, anything else by code point.
        ("attribute:slots > 9", true, false),
        ("attribute:slots > 9.5", true, false),
        ("attribute:slots >= 010.0", true, false),
        ("attribute:slots greater_than_equal 10", true, false),
        ("attribute:slots less_than 10", false, false),
        ("attribute:slots > -3", true, false),
        ("attribute:slots > 9x", false, false),
        ("attribute:stack < u", true, false),
        ("attribute:slots == 10.0", false, false),
    ] {
        assert_eq!(holds(text, LINUX), on_linux, "{text}");
        assert_eq!(holds(text, BARE), on_bare, "{text} where nothing is set");
    }
}

#[test]
fn cql_8_patterns_match_the_whole_value() {
    for (text, expected) in [
        ("attribute:ecs.instance-type =~ g2.*", true),
        ("attribute:ecs.instance-type matches g2", false),
        ("attribute:ecs.instance-type =~ g2|g2.2xlarge", true),
        ("attribute:ecs.instance-type =~ (g2|c4)\\..*", true),
        ("(attribute:ecs.instance-type =~ (g2|c4).*)", true),
        ("attribute:ecs.instance-type =~ 'g2\\.2x(large|small)'", true),
        ("attribute:ecs.instance-type =~ \"g2.[0-9]+xlarge\" and agentConnected == true", true),
        ("attribute:ecs.instance-type =~ .*\\)", false),
        ("ec2InstanceId =~ i-.*", true),
        ("agentConnected =~ t.*", true),
    ] {
        assert_eq!(holds(text, LINUX), expected, "{text}");
    }
}

#[test]
fn cql_9_versions_compare_by_component() {
    for (text, on_linux, on_bare) in [
        ("agentVersion == 1.14", true, false),
        ("agentVersion == 1.14.0.0", true, false),
        ("agentVersion < 1.14.5", true, false),
        ("agentVersion > 1.9.0", true, false),
        ("agentVersion >= 1.100", false, false),
        ("agentVersion != 2", true, false),
        ("not(agentVersion != 2)", false, true),
    ] {
        assert_eq!(holds(text, LINUX), on_linux, "{text}");
        assert_eq!(holds(text, BARE), on_bare, "{text} where the version is unknown");
    }
}

#[test]
fn cql_10_registration_is_compared_in_whole_seconds() {
    // The instance registered at 2018-06-18T22:28:28.750Z.
    for (text, expected) in [
        ("registeredAt == 2018-06-18T22:28:28+00:00", true),
        ("registeredAt == 2018-06-18T22:28:28Z", true),
        ("registeredAt == 2018-06-18T22:28:28", true),
        ("registeredAt == '2018-06-19T00:28:28+02:00'", true),
        ("registeredAt > 2018-06-18T22:28:28Z", false),
        ("registeredAt > 2018-06-18", true),
        ("registeredAt < 2018-02-13", false),
        ("registeredAt < 2018-06-19", true),
    ] {
        assert_eq!(holds(text, LINUX), expected, "{text}");
    }
}

#[test]
fn cql_11_12_counts_connection_and_groups() {
    for (text, on_linux, on_bare) in [
        ("runningTasksCount == 2", true, false),
        ("runningTasksCount < 1", false, true),
        ("agentConnected == true", true, false),
        ("agentConnected != true", false, true),
        ("agentConnected in [false]", false, true),
        ("ec2InstanceId in ['i-1', 'i-2']", true, true),
        ("ec2InstanceId !in [i-9]", true, true),
        ("task:group == databases", true, false),
        ("task:group != databases", false, true),
        ("task:group == service:web", true, false),
        ("task:group in [x, service:web]", true, false),
        ("task:group !in [x]", true, true),
        ("task:group =~ service:.*", true, false),
        ("task:group !~ service:.*", false, true),
        ("task:group exists", true, false),
        ("task:group not_exists", false, true),
    ] {
        assert_eq!(holds(text, LINUX), on_linux, "{text}");
        assert_eq!(holds(text, BARE), on_bare, "{text} where no task is");
    }
}

#[test]
fn cql_2_not_binds_tighter_than_and_tighter_than_or() {
    for (text, expected) in [
        ("runningTasksCount == 2 or runningTasksCount == 3 and runningTasksCount == 4", true),
        ("(runningTasksCount == 2 or runningTasksCount == 3) and runningTasksCount == 4", false),
        ("not runningTasksCount == 3 and runningTasksCount == 2", true),
        ("not (runningTasksCount == 3 or runningTasksCount == 2)", false),
        ("!!runningTasksCount == 2", true),
        ("not not runningTasksCount == 2", true),
        ("runningTasksCount==2&&agentConnected==true", true),
        ("runningTasksCount==3||agentConnected==true", true),
        ("attribute:stack exists&&attribute:nope !exists", true),
        ("  ( runningTasksCount  ==\t2 )  ", true),
    ] {
        assert_eq!(holds(text, LINUX), expected, "{text}");
    }
}

#[test]
fn pl_10_the_documented_examples_parse() {
    for text in [
        "task:group == databases",
        "not(task:group == databases)",
        "attribute:ecs.instance-type =~ g2.* and attribute:ecs.availability-zone != us-east-1d",
        "ec2InstanceId in ['i-1','i-2']",
        "registeredAt < 2018-02-13",
        "agentVersion < 1.14.5",
    ] {
        assert_eq!(Expression::parse(text).unwrap().source(), text);
    }
}

#[test]
fn cql_4_what_is_wrong_is_said_and_marked() {
    for (text, marked, message) in [
        ("", "", "expected a subject"),
        ("attribute: == a", " ", "expected an attribute name"),
        ("colour == red", "colour", "unknown subject 'colour'"),
        ("attribute:a", "", "expected an operator"),
        ("attribute:a is b", "is", "unknown operator 'is'"),
        ("attribute:a = b", "=", "expected an operator"),
        ("attribute:a ==", "", "expected a value"),
        ("attribute:a == b c", "c", "expected 'and', 'or' or the end"),
        ("attribute:a == (b)", "(", "expected a value"),
        ("attribute:a == b AND agentConnected == true", "A", "expected 'and', 'or' or the end"),
        ("(agentConnected == true", "(", "never closed"),
        ("agentConnected == true)", ")", "closes nothing"),
        ("(agentConnected == true]", "]", "expected 'and', 'or' or ')'"),
        ("attribute:a == 'b", "'", "never closed"),
        ("attribute:a in b", "b", "expected a list"),
        ("attribute:a in []", "]", "expected a value in the list"),
        ("attribute:a in [b", "[", "never closed"),
        ("attribute:a in [b c]", "c", "expected ',' or ']'"),
        ("attribute:a in[b]", "in", "needs a space after it"),
        ("(agentConnected == true)and agentConnected == true", "and", "needs a space"),
        ("agentConnected == true and(agentConnected == true)", "and", "needs a space"),
        ("attribute:a =~ [z", "[z", "invalid pattern: unclosed character class"),
        ("attribute:a =~ 'a)|(b'", "'a)|(b'", "invalid pattern: unopened group"),
        ("attribute:a =~ \\w{9999}", "\\w{9999}", "bytes compiled"),
        // CQL-3: operators go with subjects.
        ("agentConnected exists", "exists", "does not apply to 'agentConnected', only == != in"),
        ("ec2InstanceId > i-1", ">", "does not apply"),
        ("agentVersion =~ 1.*", "=~", "does not apply"),
        ("runningTasksCount in [1]", "in", "does not apply"),
        ("runningTasksCount < many", "many", "expected a whole number"),
        ("agentVersion < newest", "newest", "expected a version"),
        ("registeredAt < yesterday", "yesterday", "expected a time"),
    ] {
        let error = Expression::parse(text).expect_err(text);
        assert!(error.message.contains(message), "{text}: {error}");
        assert_eq!(&text[error.span.clone()], marked, "{text}: {error}");
    }
}

#[test]
fn an_error_shows_the_expression_with_carets_below() {
    let error = Expression::parse("attribute:städte == a\tor colour == red").unwrap_err();
    assert_eq!(
        error.to_string(),
        "expected an operator such as '==' or 'exists'\nattribute:städte == a or colour == red\n            ^"
    );
    let error = Expression::parse("attribute:a == 'ü' or colour == red").unwrap_err();
    let lines: Vec<String> = error.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[1..], ["attribute:a == 'ü' or colour == red", "                      ^^^^^^"]);
}

#[test]
fn long_and_deep_expressions_are_refused() {
    let longest = format!("attribute:a == {}", "b".repeat(2000 - 15));
    assert!(Expression::parse(&longest).is_ok());
    assert!(Expression::parse(&format!("{longest}b")).unwrap_err().message.contains("2001 characters"));

    let nested = |depth: usize| format!("{}agentConnected == true{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Expression::parse(&nested(64)).is_ok());
    assert!(Expression::parse(&nested(65)).unwrap_err().message.contains("nested more than 64 deep"));
    assert!(Expression::parse(&format!("{}agentConnected == true", "!".repeat(1900))).is_ok());
}

proptest::proptest! {
    /// No text makes the parser panic, and every error can be shown.
    #[test]
    fn any_text_parses_or_is_refused(text in "[a-zA-Z:.!=~<>&|()\\[\\],'\"\\\\ü \t\n0-9-]{0,60}", tail in ".{0,20}") {
        for text in [&text, &tail, &format!("attribute:a =~ {text}"), &format!("task:group in [{text}")] {
            if let Err(error) = Expression::parse(text) {
                proptest::prop_assert!(error.to_string().contains('^'));
            }
        }
    }
}

fn holds(text: &str, instance: Instance) -> bool {
    Expression::parse(text).unwrap_or_else(|error| panic!("{error}")).holds(&instance)
}

#[derive(Clone, Copy)]
struct Instance {
    attributes: &'static [(&'static str, &'static str)],
    connected: bool,
    version: Option<&'static str>,
    running: u32,
    groups: &'static [&'static str],
}

impl Facts for Instance {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
    fn agent_connected(&self) -> bool {
        self.connected
    }
    fn agent_version(&self) -> Option<&str> {
        self.version
    }
    fn ec2_instance_id(&self) -> &str {
        "i-1"
    }
    fn registered_at(&self) -> Timestamp {
        Timestamp::from_millis(1_529_360_908_750)
    }
    fn running_tasks(&self) -> u32 {
        self.running
    }
    fn any_group(&self, test: &mut dyn FnMut(&str) -> bool) -> bool {
        self.groups.iter().any(|group| test(group))
    }
}
