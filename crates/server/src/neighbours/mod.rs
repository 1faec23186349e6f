//! Requests for other services. A client whose every endpoint is this server (`AWS_ENDPOINT_URL`) also sends here what
//! is not for ECS: who am I, what scales this service. Those few are answered; the rest hear in the format of their own
//! service that it is not here, so that a client shows a sentence and not a parser's complaint.

mod formats;

use crate::auth::{self, Caller};
use crate::body;
use crate::server::Shell;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use formats::Format;
use plimsoll_ecs_api::sigv4;
use plimsoll_ecs_api::{ApiError, TARGET_PREFIX, code};

const APPLICATION_AUTOSCALING: &str = "AnyScaleFrontendService.";

/// A request that is not one of the ECS API's.
pub(crate) struct Neighbour {
    format: Format,
    /// As the signature's scope names the service, where there is one.
    service: Option<String>,
    /// The value of `X-Amz-Target`, where there is one.
    target: String,
}

impl Neighbour {
    /// Nothing when the request is for ECS, or so unclear that ECS answers that it is not.
    pub(crate) fn of(parts: &Parts) -> Option<Neighbour> {
        let text = |name: &str| header_text(&parts.headers, name);
        let service = sigv4::service_of(text("authorization"));
        let foreign = service.as_deref().is_some_and(|service| service != sigv4::SERVICE);
        let target = text("x-amz-target").to_owned();
        let content_type = text("content-type").split(';').next().unwrap_or_default().trim();
        let cbor = text("smithy-protocol") == "rpc-v2-cbor" || content_type == "application/cbor";
        let names_ecs = target.strip_prefix(TARGET_PREFIX).is_some_and(|rest| rest.starts_with('.'));
        let form = content_type == "application/x-www-form-urlencoded";
        let format = if cbor {
            Format::Cbor
        } else if names_ecs {
            return None;
        } else if target.starts_with(APPLICATION_AUTOSCALING) || (foreign && !target.is_empty()) {
            Format::Json
        } else if !target.is_empty() {
            return None;
        } else if form && parts.method == Method::POST {
            if service.as_deref() == Some("ec2") { Format::Ec2 } else { Format::Query }
        } else if foreign {
            if service.as_deref() == Some("s3") { Format::RestXml } else { Format::RestJson }
        } else {
            return None;
        };
        Some(Neighbour { format, service, target })
    }

    pub(crate) async fn answer(
        &self,
        shell: &Shell,
        parts: &Parts,
        body: axum::body::Body,
        request_id: &str,
    ) -> (Response, &'static str) {
        match self.answered(shell, parts, body).await {
            Ok(Answer::Identity(caller)) => (self.format.identity(request_id, &caller), ""),
            Ok(Answer::Nothing(list)) => (self.format.empty_list(request_id, list), ""),
            Err(error) => (self.format.error(request_id, &error), error.code),
        }
    }

    async fn answered(&self, shell: &Shell, parts: &Parts, body: axum::body::Body) -> Result<Answer, ApiError> {
        let body = body::read(body, &shell.settings.limits).await?;
        match self.format {
            Format::Cbor => Err(ApiError::new(
                code::UNKNOWN_OPERATION,
                "This server speaks AWS JSON 1.1 and not CBOR: configure the client to use the protocol json.",
            )
            .with_status(415)),
            Format::Query if form_value(&body, "Action") == Some("GetCallerIdentity") => {
                auth::authenticate(shell, parts, &body, "sts").map(Answer::Identity)
            }
            Format::Json if self.target.starts_with(APPLICATION_AUTOSCALING) => {
                auth::authenticate(shell, parts, &body, "application-autoscaling")?;
                match self.target.trim_start_matches(APPLICATION_AUTOSCALING) {
                    "DescribeScalableTargets" => Ok(Answer::Nothing("ScalableTargets")),
                    "DescribeScalingPolicies" => Ok(Answer::Nothing("ScalingPolicies")),
                    other => Err(self.absent(other)),
                }
            }
            Format::Query | Format::Ec2 => Err(self.absent(form_value(&body, "Action").unwrap_or_default())),
            Format::Json | Format::RestXml | Format::RestJson => {
                Err(self.absent(self.target.rsplit('.').next().unwrap_or_default()))
            }
        }
    }

    /// What is asked for is cut short: it may be anything.
    fn absent(&self, operation: &str) -> ApiError {
        let short = |text: &str| text.chars().filter(|c| c.is_ascii_graphic()).take(64).collect::<String>();
        let service = short(self.service.as_deref().unwrap_or("another service"));
        let what = match short(operation) {
            name if name.is_empty() => format!("A request for {service}"),
            name => format!("{name} of {service}"),
        };
        let message = format!("{what} reached an endpoint of ECS alone: give that service an endpoint of its own.");
        ApiError::new(self.format.unknown_operation(), message)
    }
}

enum Answer {
    Identity(Caller),
    /// The list, of this name, is empty.
    Nothing(&'static str),
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    let name = header::HeaderName::from_bytes(name.as_bytes()).expect("names of headers here are well-formed");
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// A value of a form, where it needs no decoding: names of operations do not.
fn form_value<'a>(body: &'a [u8], name: &str) -> Option<&'a str> {
    let pairs = std::str::from_utf8(body).ok()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::Request;

    fn of(headers: &[(&str, &str)]) -> Option<Format> {
        let mut request = Request::builder().method("POST").uri("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Neighbour::of(&parts).map(|neighbour| neighbour.format)
    }

    #[test]
    fn op6_requests_are_known_by_what_they_say_of_themselves() {
        let signed = |service: &str| {
            let scope = format!("Credential=AK/20260101/eu-west-1/{service}/aws4_request");
            format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature={}", "0".repeat(64))
        };
        let form = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let ecs = ("x-amz-target", "AmazonEC2ContainerServiceV20141113.ListClusters");
        assert_eq!(of(&[ecs]), None);
        assert_eq!(of(&[ecs, ("authorization", &signed("ecs"))]), None);
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("x-amz-target", "Nonsense")]), None);
        assert_eq!(of(&[form, ("authorization", &signed("sts"))]), Some(Format::Query));
        assert_eq!(of(&[form]), Some(Format::Query));
        assert_eq!(of(&[form, ("authorization", &signed("ec2"))]), Some(Format::Ec2));
        assert_eq!(of(&[("authorization", &signed("s3"))]), Some(Format::RestXml));
        assert_eq!(of(&[("authorization", &signed("lambda"))]), Some(Format::RestJson));
        let logs = ("x-amz-target", "Logs_20140328.DescribeLogGroups");
        assert_eq!(of(&[logs, ("authorization", &signed("logs"))]), Some(Format::Json));
        assert_eq!(of(&[("x-amz-target", "AnyScaleFrontendService.DescribeScalableTargets")]), Some(Format::Json));
        assert_eq!(of(&[("smithy-protocol", "rpc-v2-cbor")]), Some(Format::Cbor));
        assert_eq!(of(&[("content-type", "application/cbor"), ecs]), Some(Format::Cbor));
    }

    #[test]
    fn forms_are_read_as_far_as_needed() {
        assert_eq!(form_value(b"Action=GetCallerIdentity&Version=2011-06-15", "Action"), Some("GetCallerIdentity"));
        assert_eq!(form_value(b"Version=1&Action=", "Action"), Some(""));
        assert_eq!(form_value(b"\xff=1", "Action"), None);
    }
}
