//! Resolve, discover, fetch, verify, decide.
//!
//! The engine is the thin async coat around the pure core: it fetches what verifiers ask for, inside limits and one
//! deadline, and hands all findings to the policy. It holds an immutable [`Snapshot`] of the configuration; a request
//! sees one snapshot from start to end. It knows no command line, no server, no cluster and no configuration file.

mod call;
mod cosign_tag;
mod dispatcher;
mod engine;
mod fixed;
mod flights;
mod judge;
mod memory;
mod registry_store;
mod report;
mod run;
mod snapshot;
mod stage;
mod store;

pub use call::Call;
pub use cosign_tag::{COSIGN_ARTIFACT_TYPE, CosignTagStore};
pub use dispatcher::{CacheOptions, Dispatcher, DispatcherOptions, JudgedSink, Stats};
pub use engine::{Discovery, Engine, Progress, ProgressSink};
pub use ratify_http::Deadline;
pub use registry_store::{RegistryStore, reason_of};
pub use report::Report;
pub use snapshot::{Limits, ScopeId, Snapshot, SnapshotError};
pub use store::{Listing, Store, StoreError};
