//! Accepting connections until told to stop.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::transport::connection::{self, Accepted, Shared};
use crate::transport::table::{Phase, Table};
use crate::transport::{ConnectionCounters, ConnectionLimits, Listener, Service, TlsState};

/// The pause after accepting failed, growing from the first to the second; as Go's server begins, but never a second of
/// deafness.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(200));

/// Connections accepted at most after the server was told to stop: as many as can wait.
const WAITING: usize = 4096;

/// How a server is told to stop: politely, then at once.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Accept no more, finish what is under way.
    pub drain: CancellationToken,
    /// End what is still under way.
    pub cut: CancellationToken,
}

/// Serve the connections of `listener` until `stop`, each in a task of its own: over TLS as `tls` says at the moment of
/// the handshake, or in plain if that is `None`. Returns when all are closed.
pub async fn serve<S: Service>(
    listener: Listener,
    tls: Option<watch::Receiver<TlsState>>,
    limits: ConnectionLimits,
    counters: Arc<ConnectionCounters>,
    service: S,
    stop: Stop,
) {
    let table = Arc::new(Table::new(limits, counters));
    let shared = Arc::new(Shared::new(service, tls, Arc::clone(&table), &limits));
    let tasks = TaskTracker::new();
    let acceptor = Acceptor {
        listener,
        shared,
        tasks: tasks.clone(),
    };
    let work = async {
        acceptor.accept_until(&stop.drain).await;
        // before the listener closes: what waits in it would be reset
        acceptor.accept_waiting();
        table.stop();
        drop(acceptor);
        tasks.close();
        tokio::select! {
            () = tasks.wait() => {}
            () = stop.cut.cancelled() => {
                table.cut();
                tasks.wait().await;
            }
        }
    };
    tokio::select! {
        () = table.watch() => {}
        () = work => {}
    }
}

struct Acceptor<S> {
    listener: Listener,
    shared: Arc<Shared<S>>,
    tasks: TaskTracker,
}

impl<S: Service> Acceptor<S> {
    async fn accept_until(&self, drain: &CancellationToken) {
        let mut pause = PAUSES.0;
        loop {
            let accepted = tokio::select! {
                biased;
                () = drain.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = PAUSES.0;
                    self.start(stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    self.make_room(&error);
                    // the listener stays readable, so without a pause this would spin
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(PAUSES.1);
                }
            }
        }
    }

    fn accept_waiting(&self) {
        for _ in 0..WAITING {
            match self.listener.accept_waiting() {
                Ok((stream, peer)) => self.start(stream, peer),
                Err(error) if is_of_one_connection(&error) => {}
                Err(_) => return,
            }
        }
    }

    fn start(&self, stream: TcpStream, peer: SocketAddr) {
        let at = Instant::now();
        let table = &self.shared.table;
        table.counters.opened.add();
        let phase = if self.shared.tls.is_some() {
            Phase::Handshake
        } else {
            Phase::FirstHead
        };
        let Some((lease, close)) = table.enter(phase, at) else {
            table.counters.refused_full.add();
            tracing::debug!(%peer, "refused a connection: every place has a request under way");
            return;
        };
        let id = lease.id();
        let accepted = Accepted {
            stream,
            peer,
            at,
            lease,
            close,
        };
        let task = self
            .tasks
            .spawn(connection::run(accepted, Arc::clone(&self.shared)));
        table.runs(id, task.abort_handle());
    }

    /// Something the kernel has is used up, most likely file descriptors: give one back.
    fn make_room(&self, error: &io::Error) {
        let table = &self.shared.table;
        table.counters.accept_errors.add();
        let evicted = table.evict();
        if let Some(silent) = self.shared.failed_accepts.add(Instant::now()) {
            tracing::error!(%error, evicted, silent, "cannot accept connections; raise the limit of open files (`ulimit -n`)");
        }
    }
}

/// Whether accepting failed because of the one connection that was being accepted, not of us (accept(2)).
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::TimedOut
    )
}
