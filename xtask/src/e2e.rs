//! `cargo xtask e2e`: the whole job in a real cluster, on loopback.
//!
//! Prepares the parts of the cluster, builds the product, and shows every case of `tests/e2e` one
//! by one. What cannot be prepared is a loud skip, and a failure where `CI` is set.

use anyhow::Result;

use crate::cargo::{cargo, passes};
use crate::{End, peers, test};

/// The parts of the cluster, and the counterparts of the tests that the cases use as well.
const PEERS: [&str; 5] = ["referrers-registry", "oras", "notation", "ratify", "e2e"];

/// Run the cases whose name contains one of `filters`, or all.
pub(crate) fn run(filters: &[&str]) -> Result<End> {
    match peers::build(&PEERS)? {
        End::Passed => {}
        End::NoGo => eprintln!("warning: there is no cluster without Go"),
        End::Failed | End::Usage => eprintln!("warning: there is no cluster without the above"),
    }
    // the binary that serves in it; the tests look for it beside themselves
    if !passes(cargo(&["build", "--package", "ratify-cli"]))? {
        eprintln!("error: there is nothing to test");
        return Ok(End::Failed);
    }
    let mut command = cargo(&["test", "--package", "ratify-e2e"]);
    if !filters.is_empty() {
        command.args(["--test", "it", "--"]).args(filters);
    }
    test::run_and_sum_up(command)
}
