//! Findings in, decision out.
//!
//! The policy knows how many artifacts of which type must be accepted. It never looks at evidence, asks nothing and
//! knows no time.

mod config_policy;
mod decision;

pub use config_policy::{ConfigPolicy, PolicyError, Requirement};
pub use decision::{Admission, Decision, Findings};
