//! Waiting to be told to end.

use tokio::signal::unix::{SignalKind, signal};

/// Resolves at SIGINT (Ctrl-C) or SIGTERM. A second one ends the process at once: whoever asks twice means it.
pub async fn requested() -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        eprintln!("plimsoll: asked twice, ending without cleaning up");
        std::process::exit(130);
    });
    Ok(())
}
