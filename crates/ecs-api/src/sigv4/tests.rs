//! Requests signed by botocore (testdata/sigv4.json) must pass; everything that differs from them in a byte must not.

use super::*;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    now: i64,
    access_key: String,
    secret: String,
    cases: Vec<Case>,
}

#[derive(Deserialize, Clone)]
struct Case {
    name: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    region: String,
}

#[test]
fn w15_requests_signed_by_botocore_pass() {
    let vectors = vectors();
    for case in &vectors.cases {
        let identity = verify(&vectors.credentials(), &case.head(), case.body.as_bytes(), vectors.now);
        let expected = Identity { access_key: vectors.access_key.clone(), region: case.region.clone() };
        assert_eq!(identity, Ok(expected), "{}", case.name);
        assert_eq!(region_of(&case.headers), Some(case.region.clone()), "{}", case.name);
    }
}

#[test]
fn the_published_signing_key_comes_out() {
    let key = signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
    assert_eq!(hex::encode(key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
}

#[test]
fn s3_requests_outside_the_window_are_refused() {
    let vectors = vectors();
    let case = &vectors.cases[0];
    for (offset, passes) in
        [(0, true), (299, true), (-299, true), (300, true), (301, false), (-301, false), (86_400, false)]
    {
        let result = verify(&vectors.credentials(), &case.head(), case.body.as_bytes(), vectors.now + offset);
        assert_eq!(result.is_ok(), passes, "{offset} s: {result:?}");
        assert!(result.is_ok() || result.unwrap_err().code == code::INVALID_SIGNATURE);
    }
}

#[test]
fn w15_each_kind_of_refusal_has_its_code() {
    let vectors = vectors();
    let mut wrong = Credentials::new();
    wrong.insert(&vectors.access_key, "another secret");
    let refused = |credentials: &Credentials, head: &RequestHead| {
        let error = verify(credentials, head, b"{}", vectors.now).unwrap_err();
        assert_eq!(error.status, 400);
        error.code
    };
    let head = vectors.cases[0].head();
    assert_eq!(refused(&wrong, &head), code::INVALID_SIGNATURE);
    assert_eq!(refused(&Credentials::new(), &head), code::UNRECOGNIZED_CLIENT);
    let bare = without(&head, "Authorization");
    assert_eq!(refused(&vectors.credentials(), &bare), code::MISSING_AUTHENTICATION_TOKEN);
    let basic = with(&bare, "Authorization", "Basic dXNlcjpwYXNz");
    assert_eq!(refused(&vectors.credentials(), &basic), code::INCOMPLETE_SIGNATURE);
}

#[test]
fn s2_requests_that_read_in_two_ways_are_refused() {
    let vectors = vectors();
    let good = vectors.cases[0].head();
    let authorization = header::single(&good.headers, "authorization").unwrap().unwrap().to_owned();
    let rewritten = |from: &str, to: &str| {
        assert!(authorization.contains(from), "{from}");
        with(&without(&good, "authorization"), "authorization", &authorization.replace(from, to))
    };
    let query = |query: &str| RequestHead { query: query.to_owned(), ..good.clone() };
    let path = |path: &str| RequestHead { path: path.to_owned(), ..good.clone() };
    for (name, head) in [
        ("authorization twice", with(&good, "authorization", &authorization)),
        ("date twice", with(&good, "X-AMZ-DATE", "20260301T120000Z")),
        ("target twice", with(&good, "x-amz-target", "AmazonEC2ContainerServiceV20141113.DeleteCluster")),
        ("host twice", with(&good, "host", "elsewhere")),
        ("content type twice", with(&good, "content-type", "text/plain")),
        ("unsigned session token", with(&good, "x-amz-security-token", "t")),
        ("unsigned content hash", with(&good, "x-amz-content-sha256", &hex::encode(Sha256::digest(b"{}")))),
        ("unsigned payload", with(&good, "x-amz-content-sha256", "UNSIGNED-PAYLOAD")),
        ("signature in the query too", query("X-Amz-Signature=00")),
        ("algorithm in the query too", query("a=b&x-amz-algorithm=AWS4-HMAC-SHA256")),
        ("double slash", path("//")),
        ("dots", path("/./")),
        ("parent", path("/a/..")),
        ("absolute form", path("http://localhost/")),
        ("date unsigned", rewritten("x-amz-date;", "")),
        ("host unsigned", rewritten("host;", "")),
        ("target unsigned", rewritten(";x-amz-target", "")),
        ("content type unsigned", rewritten("content-type;", "")),
        ("signed header absent", rewritten("x-amz-target,", "x-amz-target;x-amz-zz,")),
        ("signed headers in capitals", rewritten("host;", "Host;")),
        ("signed headers not ascending", rewritten("content-type;host", "host;content-type")),
        ("signed header twice", rewritten("host;", "host;host;")),
        ("other service", rewritten("/ecs/", "/ec2/")),
        ("other terminator", rewritten("aws4_request", "aws5_request")),
        ("other region", rewritten("us-east-1", "us-east-2")),
        ("other day", rewritten("20260301/", "20260302/")),
        ("no region", rewritten("us-east-1", "")),
        ("a part twice", rewritten("SignedHeaders", "Signature=0, SignedHeaders")),
        ("signature in capitals", rewritten("Signature=d04c77", "Signature=D04C77")),
        ("signature cut", rewritten("8889d2", "")),
        (
            "signature empty",
            with(&without(&good, "authorization"), "authorization", authorization.split("Signature=").next().unwrap()),
        ),
        ("no date", without(&good, "x-amz-date")),
        ("other method", RequestHead { method: "PUT".to_owned(), ..good.clone() }),
        (
            "endless",
            with(
                &without(&good, "authorization"),
                "authorization",
                &format!("{authorization}, {}", "x".repeat(1 << 20)),
            ),
        ),
    ] {
        let result = verify(&vectors.credentials(), &head, b"{}", vectors.now);
        let error = result.expect_err(name);
        assert_eq!(error.status, 400, "{name}");
        assert!(error.message.len() < 400, "{name}: {}", error.message);
    }
}

#[test]
fn s1_a_content_hash_that_is_signed_but_wrong_is_refused() {
    let vectors = vectors();
    let mut head = vectors.cases[0].head();
    for (claimed, passes) in [
        (hex::encode(Sha256::digest(b"{}")), true),
        (hex::encode(Sha256::digest(b"")), false),
        ("UNSIGNED-PAYLOAD".to_owned(), false),
    ] {
        head = with(&without(&head, "x-amz-content-sha256"), "x-amz-content-sha256", &claimed);
        let signed = sign(&vectors, &head, "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-target", b"{}");
        assert_eq!(verify(&vectors.credentials(), &signed, b"{}", vectors.now).is_ok(), passes, "{claimed}");
    }
}

#[test]
fn credentials_do_not_print_secrets() {
    let printed = format!("{:?}", vectors().credentials());
    assert!(printed.contains("AKIDEXAMPLE"));
    assert!(!printed.contains("wJalr"));
}

#[test]
fn region_of_reads_what_it_can() {
    let region = |value: &str| region_of(&[("AUTHORIZATION".to_owned(), value.to_owned())]);
    let scope = "AWS4-HMAC-SHA256 Credential=AKID/20260301/eu-north-1/ecs/aws4_request,SignedHeaders=host,Signature=";
    assert_eq!(region(&format!("{scope}{}", "0".repeat(64))), Some("eu-north-1".to_owned()));
    assert_eq!(region("Bearer x"), None);
    assert_eq!(region(""), None);
    assert_eq!(region_of(&[]), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// S-1: no single changed byte of what is signed gets through.
    #[test]
    fn s1_single_mutations_are_refused(case in any::<prop::sample::Index>(), place in any::<prop::sample::Index>(), byte in 32_u8..127) {
        let vectors = vectors();
        let case = case.get(&vectors.cases).clone();
        let Some((head, body)) = mutate(&case, place, byte) else { return Ok(()) };
        prop_assert!(verify(&vectors.credentials(), &head, &body, vectors.now).is_err());
    }

    /// Whatever the Authorization header is, it is answered and not panicked at.
    #[test]
    fn s2_any_authorization_header_is_answered(text in "(AWS4-HMAC-SHA256 )?[ -~é\\u{0}]{0,200}", near in any::<bool>()) {
        let vectors = vectors();
        let mut head = without(&vectors.cases[0].head(), "authorization");
        let text = if near { format!("AWS4-HMAC-SHA256 Credential={text}, SignedHeaders=host, Signature=") } else { text };
        head = with(&head, "authorization", &text);
        let result = verify(&vectors.credentials(), &head, b"{}", vectors.now);
        prop_assert!(result.is_err());
    }
}

/// The request with one byte of a signed part replaced; nothing where the replacement means the same.
fn mutate(case: &Case, place: prop::sample::Index, byte: u8) -> Option<(RequestHead, Vec<u8>)> {
    let mut head = case.head();
    let mut body = case.body.clone().into_bytes();
    let authorization = Authorization::of(&head).unwrap();
    let mut parts: Vec<&mut String> = vec![&mut head.method, &mut head.path, &mut head.query];
    for (name, value) in &mut head.headers {
        let signed = authorization.signed_headers.iter().any(|signed| name.eq_ignore_ascii_case(signed));
        if signed || name.eq_ignore_ascii_case("authorization") {
            parts.push(value);
        }
    }
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + body.len();
    let mut at = place.index(length);
    for part in parts {
        if at < part.len() {
            let old = part.as_bytes()[at];
            let blank = |byte: u8| matches!(byte, b' ' | b'\t');
            // Runs of blanks count as one, so within and beside them a blank can go or come unseen.
            let beside_blank = part.as_bytes().get(at + 1).is_none_or(|next| blank(*next))
                || at.checked_sub(1).is_none_or(|before| blank(part.as_bytes()[before]));
            if old == byte || (blank(old) || blank(byte)) && beside_blank || !part.is_char_boundary(at + 1) {
                return None;
            }
            part.replace_range(at..=at, &char::from(byte).to_string());
            return Some((head, body));
        }
        at -= part.len();
    }
    if body[at] == byte {
        return None;
    }
    body[at] = byte;
    Some((head, body))
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../../testdata/sigv4.json")).unwrap()
}

impl Vectors {
    fn credentials(&self) -> Credentials {
        Credentials::from_iter([(&self.access_key, &self.secret)])
    }
}

impl Case {
    fn head(&self) -> RequestHead {
        RequestHead {
            method: self.method.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            headers: self.headers.clone(),
        }
    }
}

/// The request signed anew over these headers.
fn sign(vectors: &Vectors, head: &RequestHead, signed_headers: &str, body: &[u8]) -> RequestHead {
    let time = header::single(&head.headers, "x-amz-date").unwrap().unwrap().to_owned();
    let text = format!(
        "{ALGORITHM} Credential={}/{}/us-east-1/ecs/aws4_request, SignedHeaders={signed_headers}, Signature={}",
        vectors.access_key,
        &time[..8],
        "0".repeat(64)
    );
    let authorization = Authorization::read(&text).unwrap();
    let payload = hex::encode(Sha256::digest(body));
    let request = canonical::request(head, &authorization.signed_headers, &payload).unwrap();
    let to_sign = format!("{ALGORITHM}\n{time}\n{}\n{}", authorization.scope(), hex::encode(Sha256::digest(request)));
    let signature = hex::encode(signature(&vectors.secret, &authorization, &to_sign));
    with(&without(head, "authorization"), "authorization", &text.replace(&"0".repeat(64), &signature))
}

fn with(head: &RequestHead, name: &str, value: &str) -> RequestHead {
    let mut head = head.clone();
    head.headers.push((name.to_owned(), value.to_owned()));
    head
}

fn without(head: &RequestHead, name: &str) -> RequestHead {
    let mut head = head.clone();
    head.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
    head
}
