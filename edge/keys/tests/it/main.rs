//! Sources of certificates, through the public API, with real certificates on a real disk.

#![cfg(test)]

mod files;
mod inline;

use ratify_keys::Collected;
use ratify_testkit::certs::Authority;

/// Common names of what was found, in order.
fn names(collected: &Collected) -> Vec<String> {
    collected
        .found
        .iter()
        .map(|found| found.certificate.subject().to_string())
        .collect()
}

fn pem(name: &str) -> String {
    Authority::new(name).pem()
}
