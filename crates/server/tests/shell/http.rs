use crate::{ACCESS_KEY, SECRET, settings, soon, start, with_keys};
use hmac::{Hmac, KeyInit, Mac};
use plimsoll_server::{Limits, ServerSettings};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TARGET: &str = "X-Amz-Target: AmazonEC2ContainerServiceV20141113";

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends bytes as they are and reads until the other end closes.
async fn raw(addr: SocketAddr, request: &str) -> Answer {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    // A server that refuses early may reset what it did not read.
    let _ = soon("an answer", stream.read_to_string(&mut text)).await;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("not an answer: {text:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
}

async fn ask(addr: SocketAddr, request_line: &str, headers: &[&str], body: &str) -> Answer {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    let head = format!("{request_line} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: {length}\r\n");
    raw(addr, &format!("{head}{headers}\r\n{body}")).await
}

async fn call(addr: SocketAddr, operation: &str, body: &str) -> Answer {
    ask(addr, "POST /", &[&format!("{TARGET}.{operation}")], body).await
}

#[tokio::test]
async fn what_is_not_an_operation_is_answered_in_the_form_of_ecs() {
    let server = start(settings()).await;
    let unknown_target = format!("{TARGET}.Nonsense");
    for (request_line, header, status) in [
        ("POST /", unknown_target.as_str(), 400),
        ("POST /", "X-Amz-Target: DynamoDB_20120810.ListTables", 400),
        ("POST /", "X-Other: nothing", 400),
        ("GET /", "X-Other: nothing", 405),
        ("POST /elsewhere", unknown_target.as_str(), 404),
        ("DELETE /healthz", "X-Other: nothing", 404),
    ] {
        let answer = ask(server.addr, request_line, &[header], "{}").await;
        assert_eq!(answer.status, status, "W-5: {request_line} {header}");
        assert_eq!(answer.json()["__type"], "UnknownOperationException", "{request_line} {header}");
        assert!(answer.head.contains("content-type: application/x-amz-json-1.1"), "W-1: {}", answer.head);
        assert!(answer.head.contains("x-amzn-requestid: "), "W-2: {}", answer.head);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn operations_are_answered_and_read_your_writes_holds() {
    let server = start(settings()).await;
    let created = call(server.addr, "CreateCluster", r#"{"clusterName":"blue"}"#).await;
    assert_eq!(created.status, 200, "{}", created.body);
    assert_eq!(created.json()["cluster"]["clusterArn"], "arn:aws:ecs:us-east-1:123456789012:cluster/blue");
    let described = call(server.addr, "DescribeClusters", r#"{"clusters":["blue"]}"#).await;
    assert_eq!(described.json()["clusters"][0]["status"], "ACTIVE", "W-14: {}", described.body);
    server.shutdown().await;
}

#[tokio::test]
async fn bodies_are_bounded_in_size_and_time() {
    let limits = Limits { body_timeout: Duration::from_millis(100), body_bytes_max: 1000, ..Limits::default() };
    let server = start(ServerSettings { limits, ..settings() }).await;
    let large = call(server.addr, "ListClusters", &" ".repeat(1001)).await;
    assert_eq!((large.status, &large.json()["__type"]), (413, &"SerializationException".into()), "S-16");
    let head = format!("POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{TARGET}.ListClusters\r\n");
    let slow = raw(server.addr, &format!("{head}Content-Length: 10\r\n\r\n{{")).await;
    assert_eq!((slow.status, &slow.json()["__type"]), (408, &"SerializationException".into()), "F-30");
    let broken = call(server.addr, "ListClusters", "{").await;
    assert_eq!((broken.status, &broken.json()["__type"]), (400, &"SerializationException".into()), "W-6");
    server.shutdown().await;
}

#[tokio::test]
async fn connections_that_ask_nothing_are_closed() {
    let limits = Limits { header_timeout: Duration::from_millis(100), ..Limits::default() };
    let server = start(ServerSettings { limits, ..settings() }).await;
    for sent in ["", "P", "POST / HTTP/1.1\r\nHost: he", "PRI * HTTP/2.0\r\n"] {
        let mut stream = TcpStream::connect(server.addr).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        // Closed with or without a word (F-31).
        let _ = soon("the end of the connection", stream.read_to_end(&mut rest)).await;
    }
    server.shutdown().await;
}

#[tokio::test]
async fn headers_are_bounded() {
    let server = start(settings()).await;
    let padding = format!("X-Padding: {}", "a".repeat(40_000));
    let answer = ask(server.addr, "POST /", &[&padding], "{}").await;
    assert_eq!(answer.status, 431, "S-16");
    server.shutdown().await;
}

#[tokio::test]
async fn health_and_metrics_are_there_for_whoever_watches() {
    let server = start(settings()).await;
    call(server.addr, "CreateCluster", "{}").await;
    let health = ask(server.addr, "GET /healthz", &[], "").await;
    assert_eq!((health.status, health.body.as_str()), (200, "store answers; 1 of 1 clusters served\n"));
    let metrics = ask(server.addr, "GET /metrics", &[], "").await;
    assert_eq!(metrics.status, 200);
    assert!(metrics.head.contains("application/openmetrics-text"), "{}", metrics.head);
    for expected in [
        "plimsoll_api_requests_total{operation=\"CreateCluster\",error=\"\"} 1",
        "plimsoll_writer_batches_total{account=\"123456789012\",region=\"us-east-1\",cluster=\"default\"} 1",
        "# EOF",
    ] {
        assert!(metrics.body.contains(expected), "{expected} is not in\n{}", metrics.body);
    }
    server.shutdown().await;
}

#[tokio::test]
async fn with_keys_configured_requests_must_be_signed() {
    let server = start(with_keys()).await;
    let missing = call(server.addr, "ListClusters", "{}").await;
    assert_eq!((missing.status, &missing.json()["__type"]), (400, &"MissingAuthenticationTokenException".into()));
    // Whoever watches needs no key.
    assert_eq!(ask(server.addr, "GET /healthz", &[], "").await.status, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_signed_request_is_answered_and_a_changed_one_is_not() {
    let server = start(with_keys()).await;
    let target = format!("{TARGET}.CreateCluster");
    let body = r#"{"clusterName":"blue"}"#;
    let signed = sign(&target, body);
    let headers: Vec<&str> = signed.iter().map(String::as_str).collect();
    let answer = ask(server.addr, "POST /", &headers, body).await;
    assert_eq!(answer.status, 200, "W-15: {}", answer.body);
    assert_eq!(answer.json()["cluster"]["clusterArn"], "arn:aws:ecs:eu-west-1:123456789012:cluster/blue");
    let answer = ask(server.addr, "POST /", &headers, r#"{"clusterName":"red"}"#).await;
    assert_eq!(answer.json()["__type"], "InvalidSignatureException", "S-1");
    server.shutdown().await;
}

/// Signature Version 4 as a client makes it, for the headers that [`ask`] sends.
fn sign(target: &str, body: &str) -> Vec<String> {
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let date = &time[..8];
    let names = "host;x-amz-date;x-amz-target";
    let operation = target.split_once(": ").unwrap().1;
    let payload = hex::encode(Sha256::digest(body));
    let request = format!("POST\n/\n\nhost:here\nx-amz-date:{time}\nx-amz-target:{operation}\n\n{names}\n{payload}");
    let scope = format!("{date}/eu-west-1/ecs/aws4_request");
    let to_sign = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(Sha256::digest(request)));
    let parts = [date, "eu-west-1", "ecs", "aws4_request"];
    let secret = format!("AWS4{SECRET}").into_bytes();
    let key = parts.iter().fold(secret, |key: Vec<u8>, part| mac(&key, part));
    let signature = hex::encode(mac(&key, &to_sign));
    let credential = format!("Credential={ACCESS_KEY}/{scope}");
    let authorization = format!("AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}");
    vec![target.to_owned(), format!("X-Amz-Date: {time}"), format!("Authorization: {authorization}")]
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

/// The scope counts even when the signature is not looked at: it is the region the client is configured for.
#[tokio::test]
async fn the_region_of_the_signature_is_the_namespace() {
    let signed_for = |region: &str| {
        let credential = format!("Credential=AKID/20261122/{region}/ecs/aws4_request");
        format!("Authorization: AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature={}", "0".repeat(64))
    };
    let target = format!("{TARGET}.CreateCluster");
    let server = start(settings()).await;
    let answer = ask(server.addr, "POST /", &[&target, &signed_for("eu-west-3")], "{}").await;
    assert_eq!(answer.json()["cluster"]["clusterArn"], "arn:aws:ecs:eu-west-3:123456789012:cluster/default");
    server.shutdown().await;

    let pinned = start(ServerSettings { region: Some("eu-west-3".into()), ..settings() }).await;
    let answer = ask(pinned.addr, "POST /", &[&target], "{}").await;
    assert_eq!(answer.json()["cluster"]["clusterArn"], "arn:aws:ecs:eu-west-3:123456789012:cluster/default");
    let answer = ask(pinned.addr, "POST /", &[&target, &signed_for("us-east-1")], "{}").await;
    assert_eq!((answer.status, &answer.json()["__type"]), (400, &"InvalidSignatureException".into()));
    pinned.shutdown().await;
}
