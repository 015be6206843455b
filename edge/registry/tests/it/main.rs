//! The client against a registry that lies on demand, through the public API. Loopback only.

#![cfg(test)]

mod answers;
mod bearer;
mod content;
mod fixture;
mod oci_client_gaps;
mod redirects;
mod referrers;
mod refusals;
mod resolve;
mod targets;
