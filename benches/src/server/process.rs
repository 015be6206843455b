//! What the kernel says of a process: processor time, memory, threads, files it left. Linux only, as the numbers are.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A running process that is measured from outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Process(pub(crate) u32);

/// Memory that is resident, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Now (`VmRSS`).
    pub(crate) now: u64,
    /// At most so far (`VmHWM`).
    pub(crate) peak: u64,
}

impl Process {
    /// Processor time so far, user and system, of all threads that live: in nanoseconds, from the scheduler itself.
    /// (`/proc/<id>/stat` counts the dead ones too, but in hundredths of a second.)
    pub(crate) fn cpu(self) -> Result<Duration> {
        let folder = format!("/proc/{}/task", self.0);
        let mut nanoseconds = 0_u64;
        for task in fs::read_dir(&folder).with_context(|| format!("cannot list `{folder}`"))? {
            // a thread may end between the list and its file
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let first = text.split(' ').next().and_then(|first| first.parse().ok());
            nanoseconds = nanoseconds.saturating_add(first.unwrap_or(0));
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    pub(crate) fn memory(self) -> Result<Memory> {
        let status = self.status()?;
        Ok(Memory {
            now: kibibytes(&status, "VmRSS:")?,
            peak: kibibytes(&status, "VmHWM:")?,
        })
    }

    pub(crate) fn threads(self) -> Result<u64> {
        let status = self.status()?;
        field(&status, "Threads:").context("no `Threads`")
    }

    fn status(self) -> Result<String> {
        let path = format!("/proc/{}/status", self.0);
        fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))
    }
}

fn kibibytes(status: &str, name: &str) -> Result<u64> {
    let value = field(status, name).with_context(|| format!("no `{name}`"))?;
    Ok(value.saturating_mul(1024))
}

fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Files below a folder, and the bytes in them.
pub(crate) fn files(folder: &Path) -> Result<(u64, u64)> {
    let mut found = (0_u64, 0_u64);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (count, bytes) = if entry.file_type()?.is_dir() {
            files(&entry.path())?
        } else {
            (1, entry.metadata()?.len())
        };
        found = (found.0.saturating_add(count), found.1.saturating_add(bytes));
    }
    Ok(found)
}

/// Core time since the machine started, in hundredths of a second, of everybody and of us: this process and all its
/// children that have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    everybody: u64,
    us: u64,
}

impl Machine {
    pub(crate) fn read() -> Result<Self> {
        let all = fs::read_to_string("/proc/stat").context("no /proc/stat")?;
        let own = fs::read_to_string("/proc/self/stat").context("no /proc/self/stat")?;
        Self::parse(&all, &own).context("/proc/stat is not as it should be")
    }

    fn parse(all: &str, own: &str) -> Option<Self> {
        let line = all.lines().next()?.strip_prefix("cpu ")?;
        let times: Vec<u64> = line
            .split_whitespace()
            .map_while(|n| n.parse().ok())
            .collect();
        // user, nice, system; then idle and waiting, which are not work; then interrupts and what other machines took
        let [user, nice, system, _idle, _wait, irq, soft_irq, steal, ..] = times.as_slice() else {
            return None;
        };
        let everybody = [user, nice, system, irq, soft_irq, steal].into_iter().sum();
        // after the name in brackets, which may hold anything, utime is the 12th field, cstime the 15th
        let (_, fields) = own.rsplit_once(") ")?;
        let ours = fields.split(' ').skip(11).take(4);
        let us = ours.map_while(|n| n.parse::<u64>().ok()).sum();
        Some(Self { everybody, us })
    }

    /// How much of a core others had since then, on average over so many seconds.
    pub(crate) fn others_since(self, before: Self, seconds: f64) -> f64 {
        let everybody = self.everybody.saturating_sub(before.everybody);
        let us = self.us.saturating_sub(before.us);
        let hundredths = crate::numbers::number(everybody.saturating_sub(us));
        hundredths / 100.0 / seconds.max(0.01)
    }
}

/// How many cores this process may use.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_shows_in_the_processor_time() {
        let me = Process(std::process::id());
        let before = me.cpu().unwrap();
        let start = Instant::now();
        let mut sum = 0_u64;
        while start.elapsed() < Duration::from_millis(30) {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        assert_ne!(sum, 0);
        let used = me.cpu().unwrap().saturating_sub(before);
        // another process may have had the core for a while, but not all the time
        assert!(used > Duration::from_millis(2), "{used:?}");
        assert!(me.memory().unwrap().now > 0);
        assert!(me.threads().unwrap() > 0);
    }

    #[test]
    fn others_are_everybody_but_us() {
        let read = |user: u64, own: u64| {
            let all = format!("cpu  {user} 0 10 500 3 0 0 0 0 0\ncpu0 1 2 3\n");
            let own = format!("7 (a b) c) S 1 1 1 0 -1 4 1 2 3 4 {own} 1 2 3 20 0");
            Machine::parse(&all, &own).unwrap()
        };
        let others = read(400, 150).others_since(read(100, 50), 2.0);
        assert!((others - 1.0).abs() < 1e-9, "{others}");
        assert!(Machine::read().is_ok());
    }

    #[test]
    fn a_field_is_the_number_after_its_name() {
        let status = "VmPeak:\t  10 kB\nVmRSS:\t    7 kB\nThreads:\t3\n";
        assert_eq!(kibibytes(status, "VmRSS:").unwrap(), 7 * 1024);
        assert_eq!(field(status, "Threads:"), Some(3));
        assert_eq!(field(status, "Other:"), None);
    }
}
