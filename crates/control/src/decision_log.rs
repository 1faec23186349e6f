//! The decision log: every change of a fleet and every choice, one JSON document a line, in a file.
//!
//! Off the hot path: a writer hands over what a committed batch decided, without waiting, and a thread of its own makes
//! lines of it. What the thread cannot keep up with is left out, and the log says how much; what goes wrong with the file
//! is logged once, and ends the log and nothing else.

use plimsoll_core::cluster::Decision;
use plimsoll_core::journal::{Event, VERSION};
use plimsoll_model::ClusterKey;
use serde_json::{Value, json};
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

/// Decisions that wait to be written. A batch that comes while more wait is left out; one alone may be larger, as the
/// first of a large cluster is.
const DECISIONS_WAITING_MAX: usize = 200_000;
/// How much is read at a time when the end of an existing file is looked for.
const TAIL_BYTES: usize = 64 << 10;

/// Clones write to the same file.
#[derive(Clone, Debug)]
pub struct DecisionLog {
    inbox: Sender<Message>,
    waiting: Arc<AtomicUsize>,
}

/// The same file, or not.
impl PartialEq for DecisionLog {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.waiting, &other.waiting)
    }
}

/// Ends the log: what was handed over before is written, whoever still holds a [`DecisionLog`].
#[derive(Debug)]
pub struct DecisionLogWriter {
    inbox: Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
enum Message {
    Decided(Arc<ClusterKey>, Vec<Decision>),
    Lost(Arc<ClusterKey>, u64),
    End,
}

impl DecisionLog {
    /// Goes on with the file if it is there, without a last line that was cut short. It grows to `bytes_max`.
    pub fn open(path: &Path, bytes_max: u64) -> io::Result<(DecisionLog, DecisionLogWriter)> {
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
        let length = without_cut_line(&mut file)?;
        file.set_len(length)?;
        let mut lines = Lines { out: BufWriter::new(file), path: path.to_owned(), length, bytes_max, ended: false };
        let header = json!({ "plimsollDecisionLog": VERSION, "server": env!("CARGO_PKG_VERSION") });
        lines.write(&header)?;
        lines.out.flush()?;
        let (inbox, outbox) = channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&waiting);
        let thread = std::thread::Builder::new().name("decision-log".to_owned());
        let thread = thread.spawn(move || lines.write_all(&outbox, &counted))?;
        Ok((DecisionLog { inbox: inbox.clone(), waiting }, DecisionLogWriter { inbox, thread: Some(thread) }))
    }
}

impl Drop for DecisionLogWriter {
    fn drop(&mut self) {
        // A thread that is gone has said why.
        let _ = self.inbox.send(Message::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What one writer of a cluster has to do with the log.
#[derive(Debug)]
pub(crate) struct ClusterLog {
    log: DecisionLog,
    cluster: Arc<ClusterKey>,
    /// Decisions left out since the last that were written.
    lost: u64,
}

impl ClusterLog {
    pub(crate) fn new(log: &DecisionLog, cluster: &ClusterKey) -> Self {
        ClusterLog { log: log.clone(), cluster: Arc::new(cluster.clone()), lost: 0 }
    }

    /// Never waits.
    pub(crate) fn hand_over(&mut self, decisions: Vec<Decision>) {
        if decisions.is_empty() {
            return;
        }
        let count = decisions.len();
        let waiting = self.log.waiting.fetch_add(count, Ordering::Relaxed);
        if waiting > 0 && waiting + count > DECISIONS_WAITING_MAX {
            self.log.waiting.fetch_sub(count, Ordering::Relaxed);
            if self.lost == 0 {
                tracing::warn!(cluster = %self.cluster, waiting, "the decision log cannot keep up and leaves decisions out");
            }
            self.lost += count as u64;
            return;
        }
        let lost = std::mem::take(&mut self.lost);
        if lost > 0 {
            let _ = self.log.inbox.send(Message::Lost(Arc::clone(&self.cluster), lost));
        }
        // The thread ends only after it said why.
        let _ = self.log.inbox.send(Message::Decided(Arc::clone(&self.cluster), decisions));
    }
}

struct Lines {
    out: BufWriter<File>,
    path: PathBuf,
    length: u64,
    bytes_max: u64,
    ended: bool,
}

impl Lines {
    fn write_all(mut self, outbox: &Receiver<Message>, waiting: &AtomicUsize) {
        loop {
            let message = match outbox.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    // Nothing more for now: a reader of the file sees all there is.
                    self.done(|lines| lines.out.flush());
                    match outbox.recv() {
                        Ok(message) => message,
                        Err(_) => return,
                    }
                }
            };
            match message {
                Message::Decided(cluster, decisions) => {
                    let count = decisions.len();
                    self.done(|lines| lines.decisions(&cluster, decisions));
                    waiting.fetch_sub(count, Ordering::Relaxed);
                }
                Message::Lost(cluster, events) => {
                    self.done(|lines| lines.event(&cluster, 0, &Event::Lost { events }));
                }
                Message::End => return self.done(|lines| lines.out.flush()),
            }
        }
    }

    /// What fails ends the log.
    fn done(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) {
        if self.ended {
            return;
        }
        if let Err(error) = write(self) {
            self.ended = true;
            tracing::error!(path = %self.path.display(), %error, "the decision log ends here: it cannot be written");
        }
    }

    fn decisions(&mut self, cluster: &ClusterKey, decisions: Vec<Decision>) -> io::Result<()> {
        for decision in decisions {
            if self.ended {
                return Ok(());
            }
            self.event(cluster, decision.at.as_millis(), &decision.event)?;
        }
        Ok(())
    }

    fn event(&mut self, cluster: &ClusterKey, at: i64, event: &Event) -> io::Result<()> {
        let full = self.length >= self.bytes_max;
        let event = if full { &Event::Full } else { event };
        self.write(&json!({ "at": at, "cluster": cluster.to_string(), "event": event }))?;
        if full {
            self.ended = true;
            tracing::warn!(path = %self.path.display(), bytes = self.length, "the decision log is full and ends here");
            return self.out.flush();
        }
        Ok(())
    }

    fn write(&mut self, line: &Value) -> io::Result<()> {
        let mut text = serde_json::to_vec(line)?;
        text.push(b'\n');
        self.length += text.len() as u64;
        self.out.write_all(&text)
    }
}

/// The length up to the end of the last whole line.
fn without_cut_line(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = vec![0; TAIL_BYTES];
    while end > 0 {
        let begin = end.saturating_sub(TAIL_BYTES as u64);
        let read = &mut chunk[..usize::try_from(end - begin).expect("a chunk")];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(read)?;
        if let Some(at) = read.iter().rposition(|byte| *byte == b'\n') {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use plimsoll_model::{ClusterName, InstanceId, Namespace, Timestamp};

    fn key() -> ClusterKey {
        let namespace = Namespace { account: "1".into(), region: "r".into() };
        ClusterKey { namespace, name: ClusterName::parse("blue").unwrap() }
    }

    fn decision(id: u128) -> Decision {
        let event = Event::InstanceLeaves { instance: InstanceId::from_u128(id) };
        Decision { at: Timestamp::from_millis(7), event }
    }

    fn lines(path: &Path) -> Vec<Value> {
        std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_log_goes_on_after_its_last_whole_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions");
        for _ in 0..2 {
            let (log, writer) = DecisionLog::open(&path, u64::MAX).unwrap();
            ClusterLog::new(&log, &key()).hand_over(vec![decision(1), decision(2)]);
            drop(writer);
            OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"at\":9,\"clu").unwrap();
        }
        let (_log, writer) = DecisionLog::open(&path, u64::MAX).unwrap();
        drop(writer);
        let lines = lines(&path);
        assert_eq!(lines.len(), 7, "{lines:?}");
        for header in [0, 3, 6] {
            assert_eq!(lines[header]["plimsollDecisionLog"], VERSION);
        }
        assert_eq!((&lines[1]["at"], &lines[1]["cluster"]), (&json!(7), &json!(key().to_string())));
        assert_eq!(lines[1]["event"]["instanceLeaves"]["instance"], format!("{:032x}", 1));
    }

    #[test]
    fn a_log_that_is_full_says_so_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions");
        let (log, writer) = DecisionLog::open(&path, 400).unwrap();
        ClusterLog::new(&log, &key()).hand_over((0..50).map(decision).collect());
        drop(writer);
        let lines = lines(&path);
        assert!((4..8).contains(&lines.len()), "{lines:?}");
        assert_eq!(lines.last().unwrap()["event"], "full");
    }

    #[test]
    fn what_cannot_be_kept_up_with_is_left_out_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("decisions");
        let (log, writer) = DecisionLog::open(&path, u64::MAX).unwrap();
        let mut mine = ClusterLog::new(&log, &key());
        log.waiting.fetch_add(DECISIONS_WAITING_MAX, Ordering::Relaxed);
        mine.hand_over(vec![decision(1), decision(2)]);
        log.waiting.fetch_sub(DECISIONS_WAITING_MAX, Ordering::Relaxed);
        mine.hand_over(vec![decision(3)]);
        drop(writer);
        let lines = lines(&path);
        assert_eq!(lines[1]["event"], json!({ "lost": { "events": 2 } }));
        assert_eq!(lines.len(), 3, "{lines:?}");
    }
}
