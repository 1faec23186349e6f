//! The generator on a model small enough to read, and the names it makes.

use super::{model::Model, naming, operations, shapes, types};

const MODEL: &str = r#"{
    "metadata": {"targetPrefix": "Prefix"},
    "operations": {
        "Sail": {
            "input": {"shape": "SailRequest"}, "output": {"shape": "SailResponse"},
            "errors": [{"shape": "WreckException"}], "documentation": "long"
        },
        "Moor": {"input": {"shape": "MoorRequest"}, "output": {"shape": "SailResponse"}}
    },
    "shapes": {
        "SailRequest": {"type": "structure", "required": ["shipName"], "members": {
            "shipName": {"shape": "Name", "documentation": "long"},
            "count": {"shape": "Integer"},
            "enableECSFlags": {"shape": "Boolean"},
            "token": {"shape": "String", "idempotencyToken": true}
        }},
        "MoorRequest": {"type": "structure", "members": {"only": {"shape": "Unused"}}},
        "Unused": {"type": "structure", "members": {}},
        "SailResponse": {"type": "structure", "members": {
            "ships": {"shape": "Ships"}, "count": {"shape": "Integer"}, "boxed": {"shape": "Boxed"},
            "memberBoxed": {"shape": "Integer", "box": true}, "at": {"shape": "Timestamp"}, "extra": {"shape": "Free"}
        }},
        "Ships": {"type": "list", "member": {"shape": "Ship"}, "min": 0, "max": 7},
        "Ship": {"type": "structure", "members": {
            "type": {"shape": "Rig"}, "tender": {"shape": "Ship"}, "labels": {"shape": "Labels"}
        }},
        "Labels": {"type": "map", "key": {"shape": "String"}, "value": {"shape": "String"}},
        "Rig": {"type": "string", "enum": ["sloop", "ketch"]},
        "Name": {"type": "string", "min": 1, "max": 9, "pattern": "[a-z]+"},
        "String": {"type": "string"}, "Integer": {"type": "integer"}, "Boolean": {"type": "boolean"},
        "Boxed": {"type": "integer", "box": true, "min": 2}, "Timestamp": {"type": "timestamp"},
        "Free": {"type": "structure", "members": {}, "document": true},
        "WreckException": {"type": "structure", "members": {}, "exception": true, "fault": true}
    }
}"#;

#[test]
fn tables_carry_names_types_and_bounds() {
    let text = shapes::shapes(&Model::parse(MODEL).unwrap());
    for line in [
        r#"static NAME_PATTERN: Pattern = Pattern::new("[a-z]+");"#,
        "pub static NAME: Shape = text(1, 9, Some(&NAME_PATTERN));",
        r#"pub static RIG: Shape = Shape::Enum(&["sloop", "ketch"]);"#,
        "pub static SHIPS: Shape = list_of(&SHIP, 0, 7);",
        "pub static BOXED: Shape = integer(2, i32::MAX);",
        r#"r("shipName", &NAME)"#,
        r#"m("token", &TEXT).token()"#,
        r#"m("count", &INTEGER).unboxed()"#,
        r#"m("memberBoxed", &INTEGER),"#,
        r#"m("tender", &SHIP)"#,
        r#"m("extra", &DOCUMENT)"#,
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("long"), "documentation text came through");
    assert!(!text.contains("WRECK"), "exceptions are no shapes");
}

#[test]
fn operations_carry_their_errors_and_faults_are_known() {
    let model = Model::parse(MODEL).unwrap();
    let text = operations::operations(&model, &["Sail"]);
    let row = "name: \"Sail\", call: Some(Call::Sail), input: &SAIL_REQUEST, output: &SAIL_RESPONSE, errors: &[\"WreckException\"]";
    assert!(text.contains(row), "{text}");
    assert!(text.contains("name: \"Moor\", call: None"), "{text}");
    let codes = operations::codes(&model);
    assert!(codes.contains("pub const WRECK: &str = \"WreckException\";"), "{codes}");
    assert!(codes.contains("FAULTS: &[&str] = &[\"WreckException\"];"), "{codes}");
}

#[test]
fn types_are_made_for_what_is_reached_and_keep_wire_names() {
    let text = types::types(&Model::parse(MODEL).unwrap(), &["Sail"]);
    for line in [
        "pub struct SailRequest {",
        "pub count: Option<i32>,",
        "#[serde(rename = \"enableECSFlags\", skip_serializing_if = \"Option::is_none\")]\n    pub enable_ecs_flags: Option<bool>,",
        "pub count: i32,",
        "pub boxed: Option<i32>,",
        "pub member_boxed: Option<i32>,",
        "pub at: Option<f64>,",
        "pub extra: Option<serde_json::Value>,",
        "pub ships: Option<Vec<Ship>>,",
        "pub r#type: Option<String>,",
        "pub tender: Option<Box<Ship>>,",
        "pub labels: Option<BTreeMap<String, String>>,",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("Unused") && !text.contains("MoorRequest"), "{text}");
}

#[test]
fn a_model_that_refers_to_nothing_is_refused() {
    let broken = MODEL.replace("\"shape\": \"Rig\"", "\"shape\": \"Mast\"");
    let error = Model::parse(&broken).err().map(|error| error.to_string());
    assert_eq!(error.as_deref(), Some("Ship refers to Mast, which is not there"));
}

#[test]
fn names_split_at_words_and_acronyms() {
    for (wire, snake) in [
        ("enableECSManagedTags", "enable_ecs_managed_tags"),
        ("ec2InstanceId", "ec2_instance_id"),
        ("sizeInGiB", "size_in_gib"),
        ("bindIP", "bind_ip"),
        ("s3EncryptionEnabled", "s3_encryption_enabled"),
        ("EFSVolumeConfiguration", "efs_volume_configuration"),
        ("taskDefinition", "task_definition"),
    ] {
        assert_eq!(naming::snake(wire), snake);
    }
    assert_eq!(naming::field("type"), "r#type");
    assert_eq!(naming::serde_camel("enable_ecs_managed_tags"), "enableEcsManagedTags");
    assert_eq!(naming::serde_camel("ec2_instance_id"), "ec2InstanceId");
}
