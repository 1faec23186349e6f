//! Stands between an agent and an engine, and lets chosen calls go wrong.

// Each test file uses a part of this, and a bench that cannot be set up is a failed test.
#![allow(dead_code, clippy::unwrap_used)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

#[derive(Clone, Copy)]
pub enum Fault {
    /// Takes the request and never answers.
    Hang,
    /// Answers with these bytes, whatever they are, and hangs up.
    Say(&'static str),
}

pub const SERVER_ERROR: Fault = Fault::Say(
    "HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\nContent-Length: 27\r\nConnection: close\r\n\r\n{\"message\":\"disk is full.\"}",
);
pub const GARBAGE: Fault = Fault::Say("\u{1}\u{2}not http at all\r\n\r\n");

/// `(words all of which the request line has, what happens)`
type Rule = (Vec<String>, Fault);

pub struct Proxy {
    directory: tempfile::TempDir,
    rules: Arc<Mutex<Vec<Rule>>>,
}

impl Proxy {
    /// In front of the engine at `unix://...`.
    pub fn before(host: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let rules: Arc<Mutex<Vec<Rule>>> = Arc::default();
        let engine = PathBuf::from(host.strip_prefix("unix://").unwrap());
        let listener = UnixListener::bind(directory.path().join("engine.sock")).unwrap();
        let shared = Arc::clone(&rules);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, engine.clone(), Arc::clone(&shared)));
            }
        });
        Proxy { directory, rules }
    }

    pub fn host(&self) -> String {
        format!("unix://{}", self.directory.path().join("engine.sock").display())
    }

    /// From now on.
    pub fn fail(&self, words: &[&str], fault: Fault) {
        self.rules.lock().unwrap().push((words.iter().map(|word| (*word).to_owned()).collect(), fault));
    }

    pub fn heal(&self) {
        self.rules.lock().unwrap().clear();
    }
}

/// One request per connection: the engine is told to close it, so that each can be judged by itself.
async fn serve(mut client: UnixStream, engine: PathBuf, rules: Arc<Mutex<Vec<Rule>>>) -> Option<()> {
    let mut request = Vec::new();
    let head_end = loop {
        if let Some(at) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at;
        }
        if client.read_buf(&mut request).await.ok()? == 0 {
            return None;
        }
    };
    let line = String::from_utf8_lossy(&request[..head_end]).lines().next().unwrap_or_default().to_owned();
    let met = |(words, _): &&Rule| words.iter().all(|word| line.contains(word));
    let fault = rules.lock().unwrap().iter().find(met).map(|(_, fault)| *fault);
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Say(bytes)) => client.write_all(bytes.as_bytes()).await.ok(),
        None => {
            let mut server = UnixStream::connect(engine).await.ok()?;
            server.write_all(&request[..head_end]).await.ok()?;
            server.write_all(b"\r\nConnection: close").await.ok()?;
            server.write_all(&request[head_end..]).await.ok()?;
            tokio::io::copy_bidirectional(&mut client, &mut server).await.ok().map(|_| ())
        }
    }
}
