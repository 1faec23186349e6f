//! How other services write answers and errors, as far as it is needed to say that they are not here.

use crate::auth::Caller;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use plimsoll_ecs_api::ApiError;
use serde_json::json;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    /// `X-Amz-Target` and JSON, as ECS.
    Json,
    /// Forms and XML: STS, IAM, load balancers.
    Query,
    /// The same, with errors of another shape.
    Ec2,
    RestXml,
    RestJson,
    /// Smithy's RPC over CBOR.
    Cbor,
}

impl Format {
    /// What a service of that kind calls an operation that it does not have.
    pub(super) fn unknown_operation(self) -> &'static str {
        match self {
            Format::Query | Format::Ec2 => "InvalidAction",
            Format::RestXml => "NotImplemented",
            Format::Json | Format::RestJson | Format::Cbor => plimsoll_ecs_api::code::UNKNOWN_OPERATION,
        }
    }

    pub(super) fn error(self, request_id: &str, error: &ApiError) -> Response {
        let (code, message) = (error.code, escaped(&error.message));
        let body = match self {
            Format::Json => error.body().to_string().into_bytes(),
            Format::RestJson => json!({ "message": error.message }).to_string().into_bytes(),
            Format::Query => format!(
                "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{request_id}</RequestId></ErrorResponse>"
            )
            .into_bytes(),
            Format::Ec2 => format!(
                "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
                 <RequestID>{request_id}</RequestID></Response>"
            )
            .into_bytes(),
            Format::RestXml => format!(
                "<Error><Code>{code}</Code><Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
            )
            .into_bytes(),
            Format::Cbor => cbor_map(&[("__type", code), ("message", &error.message)]),
        };
        let mut response = self.response(request_id, error.status, body);
        if self == Format::RestJson {
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
        }
        response
    }

    /// GetCallerIdentity, whatever the format: it is asked for in the one of STS.
    pub(super) fn identity(self, request_id: &str, caller: &Caller) -> Response {
        let (arn, account) = (escaped(&caller.arn), escaped(&caller.namespace.account));
        let user = escaped(caller.arn.rsplit('/').next().filter(|id| *id != &*caller.arn).unwrap_or(&account));
        let body = format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>{user}</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
        );
        self.response(request_id, 200, body.into_bytes())
    }

    pub(super) fn empty_list(self, request_id: &str, list: &str) -> Response {
        self.response(request_id, 200, json!({ list: [] }).to_string().into_bytes())
    }

    fn response(self, request_id: &str, status: u16, body: Vec<u8>) -> Response {
        let content_type = match self {
            Format::Json => "application/x-amz-json-1.1",
            Format::RestJson => "application/json",
            Format::Query | Format::Ec2 => "text/xml",
            Format::RestXml => "application/xml",
            Format::Cbor => "application/cbor",
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert("x-amzn-requestid", HeaderValue::from_str(request_id).expect("a uuid is plain ascii"));
        if self == Format::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            letter if letter.is_control() => escaped.push(' '),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// A map of texts in CBOR (RFC 8949): head bytes with the major type above and the length below.
fn cbor_map(pairs: &[(&str, &str)]) -> Vec<u8> {
    const TEXT: u8 = 3 << 5;
    const MAP: u8 = 5 << 5;
    let mut written = Vec::new();
    cbor_head(&mut written, MAP, pairs.len());
    for (key, value) in pairs {
        for text in [key, value] {
            cbor_head(&mut written, TEXT, text.len());
            written.extend_from_slice(text.as_bytes());
        }
    }
    written
}

/// Lengths up to 23 stand in the head itself, others behind it in one, two or four bytes.
fn cbor_head(written: &mut Vec<u8>, major: u8, length: usize) {
    match u32::try_from(length).expect("messages are short") {
        small @ 0..=23 => written.push(major | small as u8),
        byte @ 24..=0xff => written.extend([major | 24, byte as u8]),
        two @ 0x100..=0xffff => {
            written.push(major | 25);
            written.extend((two as u16).to_be_bytes());
        }
        four => {
            written.push(major | 26);
            written.extend(four.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cbor_with_lengths_of_every_size() {
        assert_eq!(cbor_map(&[("a", "bc")]), [0xa1, 0x61, b'a', 0x62, b'b', b'c']);
        for (length, head) in [(24, vec![0x78, 24]), (300, vec![0x79, 1, 44]), (70_000, vec![0x7a, 0, 1, 0x11, 0x70])] {
            let text = "x".repeat(length);
            let written = cbor_map(&[("", &text)]);
            assert_eq!(written[..2], [0xa1, 0x60]);
            assert_eq!(written[2..2 + head.len()], head);
            assert_eq!(written.len(), 2 + head.len() + length);
        }
    }

    #[test]
    fn markup_in_messages_is_text() {
        assert_eq!(escaped("<a href=\"x\">&\n"), "&lt;a href=&quot;x&quot;&gt;&amp; ");
    }
}
