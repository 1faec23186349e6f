//! A plain awsJson client: what the SDKs send, without signing.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use std::net::SocketAddr;

pub struct Client {
    http: HttpClient<HttpConnector, Full<Bytes>>,
    uri: String,
}

impl Client {
    pub fn new(address: SocketAddr) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Client { http: HttpClient::builder(TokioExecutor::new()).build(connector), uri: format!("http://{address}/") }
    }

    pub async fn call(&self, operation: &str, body: Value) -> Result<Value> {
        let request = Request::post(&self.uri)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("AmazonEC2ContainerServiceV20141113.{operation}"))
            .body(Full::new(Bytes::from(body.to_string())))?;
        let reply = self.http.request(request).await.with_context(|| format!("calling {operation}"))?;
        let status = reply.status();
        let body = reply.into_body().collect().await?.to_bytes();
        let value: Value =
            serde_json::from_slice(&body).with_context(|| format!("reading the reply of {operation}"))?;
        if !status.is_success() {
            bail!("{operation} answered {status}: {value}");
        }
        Ok(value)
    }

    pub async fn all_pages(&self, operation: &str, query: &Value, member: &str) -> Result<Vec<Value>> {
        let mut found = Vec::new();
        let mut token = Value::Null;
        loop {
            let mut body = query.clone();
            body["nextToken"] = token;
            let mut reply = self.call(operation, body).await?;
            if let Value::Array(items) = reply[member].take() {
                found.extend(items);
            }
            token = reply["nextToken"].take();
            if token.is_null() {
                return Ok(found);
            }
        }
    }

    pub async fn count_pages(&self, operation: &str, query: &Value, member: &str) -> Result<usize> {
        Ok(self.all_pages(operation, query, member).await?.len())
    }

    /// One read as a console or a deploy tool would make it.
    pub async fn typical_read(&self, cluster: &str) -> Result<()> {
        self.call("DescribeServices", json!({ "cluster": cluster, "services": ["bench"] })).await.map(drop)
    }
}
