//! How many files this process may have open: connections of clients and to registries, and what it reads.
//!
//! Many systems give a process 1,024 and let it have a hundred times as many if it asks. Programs in Go, v1.4 among them,
//! ask by themselves. Gatekeeper before 3.22 leaves every connection behind, so 1,024 are used up by a hundred calls a
//! second.

/// What is needed when as many clients are connected as may be (4,096), and as many registries.
#[cfg(unix)]
const ENOUGH: u64 = 8_192;

/// Ask for as many as there may be, and warn if that is not much.
#[cfg(unix)]
pub(crate) fn raise() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    let granted = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => maximum,
        Err(_) => current,
    };
    if let Some(limit) = granted.filter(|limit| *limit < ENOUGH) {
        tracing::warn!(
            "this process may have {limit} files open at once, expected at least {ENOUGH}; with many clients connections are lost; raise the limit (`ulimit -Hn`)"
        );
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub(crate) fn raise() {}
