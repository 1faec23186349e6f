use super::*;
use crate::code;

const ID: &str = "0123456789abcdef0123456789abcdef";
const OLD_ID: &str = "01234567-89ab-cdef-0123-456789abcdef";

fn scope() -> Scope {
    Scope::aws("eu-west-1", "123456789012")
}

#[test]
fn arn1_every_format_reads_back_as_written() {
    let name = || "a_b-1".to_owned();
    for (resource, text) in [
        (Resource::Cluster { name: name() }, "cluster/a_b-1".to_owned()),
        (
            Resource::ContainerInstance { cluster: Some(name()), id: ID.to_owned() },
            format!("container-instance/a_b-1/{ID}"),
        ),
        (Resource::Task { cluster: Some(name()), id: ID.to_owned() }, format!("task/a_b-1/{ID}")),
        (Resource::Service { cluster: Some(name()), name: "web".to_owned() }, "service/a_b-1/web".to_owned()),
        (
            Resource::Container { cluster: Some(name()), task: Some(ID.to_owned()), id: OLD_ID.to_owned() },
            format!("container/a_b-1/{ID}/{OLD_ID}"),
        ),
        (history(HistoryKind::Deployment), "service-deployment/a_b-1/web/7".to_owned()),
        (history(HistoryKind::Revision), "service-revision/a_b-1/web/7".to_owned()),
        (Resource::TaskDefinition { family: name(), revision: 12 }, "task-definition/a_b-1:12".to_owned()),
        (Resource::CapacityProvider { name: name() }, "capacity-provider/a_b-1".to_owned()),
    ] {
        let arn = scope().arn(resource);
        assert_eq!(arn.to_string(), format!("arn:aws:ecs:eu-west-1:123456789012:{text}"));
        assert_eq!(arn.to_string().parse(), Ok(arn));
    }
}

fn history(kind: HistoryKind) -> Resource {
    Resource::History(kind, InService { cluster: "a_b-1".to_owned(), service: "web".to_owned(), id: "7".to_owned() })
}

#[test]
fn arn1_a_revision_is_no_deployment() {
    let arn = scope().arn(history(HistoryKind::Revision)).to_string();
    assert_eq!(scope().history(HistoryKind::Revision, &arn).unwrap().service, "web");
    assert_eq!(scope().history(HistoryKind::Deployment, &arn).unwrap_err().code, code::INVALID_PARAMETER);
}

#[test]
fn arn2_old_formats_are_read() {
    let old = format!("arn:aws:ecs:eu-west-1:123456789012:task/{OLD_ID}");
    assert_eq!(scope().task("any", &old).unwrap(), ID);
    assert_eq!(scope().task("any", OLD_ID).unwrap(), ID);
    assert_eq!(scope().service("any", "arn:aws:ecs:eu-west-1:123456789012:service/web").unwrap(), "web");
    let old = format!("arn:aws:ecs:eu-west-1:123456789012:container-instance/{}", ID.to_uppercase());
    assert_eq!(scope().container_instance("any", &old).unwrap(), ID);
}

#[test]
fn arn4_short_names_and_the_default_cluster() {
    assert_eq!(scope().cluster(None).unwrap(), "default");
    assert_eq!(scope().cluster(Some("")).unwrap(), "default");
    assert_eq!(scope().cluster(Some("arn:aws:ecs:eu-west-1:123456789012:cluster/x")).unwrap(), "x");
    assert_eq!(scope().task_definition("web").unwrap(), DefinitionReference::Family("web".to_owned()));
    let revision = DefinitionReference::Revision { family: "web".to_owned(), revision: 7 };
    assert_eq!(scope().task_definition("web:7").unwrap(), revision);
    let arn = "arn:aws:ecs:eu-west-1:123456789012:task-definition/web:7";
    assert_eq!(scope().task_definition(arn).unwrap(), revision);
}

#[test]
fn arn5_identifiers_of_elsewhere_are_refused() {
    let task = format!("arn:aws:ecs:eu-west-1:123456789012:task/other/{ID}");
    let error = scope().task("mine", &task).unwrap_err();
    assert_eq!(error.message, "Invalid identifier: Identifier is for other. Your cluster is mine");
    for cluster in [
        "arn:aws:ecs:eu-west-2:123456789012:cluster/x",
        "arn:aws:ecs:eu-west-1:210987654321:cluster/x",
        "arn:aws-cn:ecs:eu-west-1:123456789012:cluster/x",
    ] {
        assert_eq!(scope().cluster(Some(cluster)).unwrap_err().code, code::INVALID_PARAMETER, "{cluster}");
    }
}

#[test]
fn arn6_malformed_identifiers_are_refused() {
    let long = "x".repeat(256);
    for text in ["a/b", "a b", "a:b", "ü", "arn:aws:ecs:eu-west-1:123456789012:task/x", "arn:", "arn:aws:s3:::x", &long]
    {
        assert_eq!(scope().cluster(Some(text)).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
    }
    for text in [
        "",
        "abc",
        "0123456789abcdef0123456789abcdeg",
        "0123456789abcdef-123456789abcdef0123",
        "日本語日本語日本語日本語",
    ] {
        assert_eq!(scope().task("c", text).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
    }
    for text in ["web:", "web:0", "web:01", "web:-1", "web:x", "web:1:2", ":1", "web:99999999999999999999", ""] {
        assert_eq!(scope().task_definition(text).unwrap_err().code, code::INVALID_PARAMETER, "{text}");
    }
    for text in [
        "cluster/a/b",
        "service/a/b/c",
        "container/a/b",
        "task-definition/web",
        "volume/x",
        "cluster",
        "service-revision/a/1",
    ] {
        assert!(format!("arn:aws:ecs:eu-west-1:123456789012:{text}").parse::<Arn>().is_err(), "{text}");
    }
}
