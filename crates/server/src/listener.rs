//! Connections: one port for HTTP/1.1 and HTTP/2 without negotiation, each with the limits of the settings.

use crate::server::Shell;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

/// The other end of a connection, as an extension of its requests.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub SocketAddr);

/// After an error of accept (no file descriptors left, ...): without a pause the loop would only repeat it.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts until the server stops, then gives the open connections their grace.
pub(crate) async fn run(shell: Arc<Shell>, listener: TcpListener, router: Router) {
    let permits = Arc::new(Semaphore::new(shell.settings.limits.connections_max));
    let connections = TaskTracker::new();
    loop {
        // At the limit the kernel's queue holds what comes; it is accepted when another connection ends.
        let permit = Arc::clone(&permits).acquire_owned();
        let accepted = async { (permit.await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            () = shell.stop.cancelled() => break,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = connection(Arc::clone(&shell), stream, peer, router.clone());
                connections.spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(shell.settings.limits.shutdown_grace, connections.wait()).await.is_err() {
        tracing::warn!(connections = connections.len(), "connections cut off");
    }
}

async fn connection(shell: Arc<Shell>, stream: TcpStream, peer: SocketAddr, router: Router) {
    shell.metrics.connection_opened();
    // Small answers must not wait for more; a socket that refuses the option only is slower.
    let _ = stream.set_nodelay(true);
    let limits = &shell.settings.limits;
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes_max);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits.streams_max)
        .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
        .initial_stream_window_size(1 << 20)
        .initial_connection_window_size(4 << 20)
        .keep_alive_interval(limits.keep_alive)
        .keep_alive_timeout(limits.keep_alive);

    let asked = Arc::new(AtomicBool::new(false));
    let service = service_fn({
        let asked = Arc::clone(&asked);
        move |request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            answer(router.clone(), peer, request)
        }
    });
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut deadline = pin!(tokio::time::sleep(limits.header_timeout));
    let (mut stopping, mut in_time) = (false, false);
    // How a connection ends is the other end's business: errors here are resets and malformed requests.
    loop {
        tokio::select! {
            _ = connection.as_mut() => break,
            () = deadline.as_mut(), if !in_time => {
                // Nothing asked since it was accepted, maybe not even a byte sent (F-31).
                in_time = asked.load(Ordering::Relaxed);
                if !in_time {
                    break;
                }
            }
            () = shell.stop.cancelled(), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    shell.metrics.connection_closed();
}

async fn answer(router: Router, peer: SocketAddr, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(Peer(peer));
    router.oneshot(request.map(Body::new)).await
}
