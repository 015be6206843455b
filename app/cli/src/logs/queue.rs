//! Lines on their way to standard error, written by one thread, so that nobody who logs ever waits for whoever reads.
//!
//! What does not fit is lost, counted, and told of by a line of its own as soon as there is room. A server that decides
//! whether images may run must not stop because a log collector has.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, mem, thread};

/// The most lines that wait. At a thousand requests a second with two lines each, four seconds of a reader that stopped.
const MOST_LINES: usize = 8_192;
/// The most bytes that wait; as many again may be under way. A line with a whole verification has one to three KB.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// How long the writer rests after it has written, unless half of the room is taken: waking a thread for each line would
/// cost more than the line. A line after a pause is written at once.
const REST: Duration = Duration::from_millis(10);
/// A buffer that grew beyond this is given back after use.
const KEPT: usize = 256 * 1024;
/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(2);

/// The lines that wait, and the thread that writes them. Clones are the same queue.
#[derive(Debug, Clone)]
pub(crate) struct Queue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    work: Condvar,
    /// The writer has rested enough.
    hurry: Condvar,
    /// The writer is done, for good.
    done: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    lines: usize,
    /// Lines that did not fit since the writer last told of it.
    lost: u64,
    closing: bool,
    ended: bool,
}

impl Queue {
    /// A queue with a thread that writes to `out`. `notice` makes the line that tells how many lines were lost.
    pub(crate) fn start(
        out: impl Write + Send + 'static,
        notice: impl Fn(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_writer = Arc::clone(&shared);
        thread::Builder::new()
            .name("log writer".to_owned())
            .spawn(move || of_writer.write(out, notice))?;
        Ok(Self(shared))
    }

    /// Put a line, its end included, behind the others; if there is no room it is lost. Does not wait.
    pub(crate) fn push(&self, line: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.lines >= MOST_LINES
            || waiting.bytes.len().saturating_add(line.len()) > MOST_BYTES
        {
            waiting.lost += 1;
            return;
        }
        waiting.bytes.extend_from_slice(line);
        waiting.lines += 1;
        let hurry = waiting.is_half_full();
        drop(waiting);
        // costs nothing while the writer rests
        self.0.work.notify_one();
        if hurry {
            self.0.hurry.notify_one();
        }
    }

    /// Write what waits, at most for two seconds, and end the thread. Lines that come later are lost.
    pub(crate) fn close(&self) {
        let mut waiting = self.0.lock();
        waiting.closing = true;
        self.0.work.notify_one();
        self.0.hurry.notify_one();
        let ended = self
            .0
            .done
            .wait_timeout_while(waiting, LAST_LINES, |waiting| !waiting.ended);
        drop(ended);
    }
}

impl Waiting {
    fn is_half_full(&self) -> bool {
        self.lines >= MOST_LINES / 2 || self.bytes.len() >= MOST_BYTES / 2
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Write until the queue is closed and empty. An output that takes nothing any more (a closed pipe) is no reason to
    /// end: there is nobody to tell, and the queue must be emptied.
    fn write(&self, mut out: impl Write, notice: impl Fn(u64) -> Vec<u8>) {
        let mut batch = Vec::new();
        while let Some(lost) = self.next(&mut batch) {
            let _ = out.write_all(&batch);
            if lost > 0 {
                let _ = out.write_all(&notice(lost));
            }
            let _ = out.flush();
            batch.clear();
            batch.shrink_to(KEPT);
            let rests = |waiting: &mut Waiting| !waiting.closing && !waiting.is_half_full();
            let rested = self.hurry.wait_timeout_while(self.lock(), REST, rests);
            drop(rested);
        }
        self.lock().ended = true;
        self.done.notify_all();
    }

    /// Swap what waits into `batch`, once there is something, and say how many lines were lost behind it; `None` at the end.
    fn next(&self, batch: &mut Vec<u8>) -> Option<u64> {
        let idle = |waiting: &mut Waiting| {
            waiting.bytes.is_empty() && waiting.lost == 0 && !waiting.closing
        };
        let waiting = self.work.wait_while(self.lock(), idle);
        let mut waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        if waiting.bytes.is_empty() && waiting.lost == 0 {
            return None;
        }
        mem::swap(batch, &mut waiting.bytes);
        waiting.lines = 0;
        Some(mem::take(&mut waiting.lost))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// An output that writes nothing before it is told to, and shows what it was given.
    struct Gate {
        begun: Sender<()>,
        open: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.begun.send(());
            // no sender: open for ever
            let _ = self.open.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn notice(lost: u64) -> Vec<u8> {
        format!("{lost} lost\n").into_bytes()
    }

    #[test]
    fn lines_come_out_whole_and_in_order() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let gate = Gate {
            begun: channel().0,
            open: channel().1,
            written: Arc::clone(&written),
        };
        let queue = Queue::start(gate, notice).unwrap();
        let lines: Vec<String> = (0..1_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        for line in &lines {
            queue.push(line.as_bytes());
        }
        queue.close();
        assert_eq!(
            String::from_utf8(written.lock().unwrap().clone()).unwrap(),
            lines.concat()
        );
    }

    #[test]
    fn whoever_logs_never_waits_and_what_is_lost_is_told() {
        let written = Arc::new(Mutex::new(Vec::new()));
        let (begun, begins) = channel();
        let (open, gate) = channel();
        let gate = Gate {
            begun,
            open: gate,
            written: Arc::clone(&written),
        };
        let queue = Queue::start(gate, notice).unwrap();
        queue.push(b"first\n");
        begins.recv().unwrap();
        // the writer is stuck now
        for _ in 0..MOST_LINES + 7 {
            queue.push(b"x\n");
        }
        assert_eq!(queue.0.lock().lost, 7);
        drop(open);
        queue.close();
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        assert!(written.starts_with("first\nx\nx\n"));
        assert_eq!(written.matches("x\n").count(), MOST_LINES);
        assert!(
            written.ends_with("x\n7 lost\n"),
            "told behind the lines before"
        );
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (begun, begins) = channel();
        let (_open, gate) = channel();
        let gate = Gate {
            begun,
            open: gate,
            written: Arc::default(),
        };
        let queue = Queue::start(gate, notice).unwrap();
        queue.push(b"first\n");
        begins.recv().unwrap();
        let large = vec![b'x'; MOST_BYTES / 2];
        queue.push(&large);
        queue.push(&large);
        assert_eq!(queue.0.lock().lost, 0);
        queue.push(b"x");
        assert_eq!(queue.0.lock().lost, 1);
    }

    #[test]
    fn a_closed_pipe_does_not_fill_the_queue() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = Queue::start(Closed, notice).unwrap();
        queue.push(b"x\n");
        queue.close();
        assert!(queue.0.lock().bytes.is_empty());
    }
}
