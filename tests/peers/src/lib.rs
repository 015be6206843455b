//! Runs real counterparts beside ours: notation, oras, crane, two registries, Ratify 1.4.4 and
//! Gatekeeper's way with a template; and builds those of which `tests/e2e` makes a cluster: etcd,
//! Kubernetes and Gatekeeper.
//!
//! Each counterpart comes from a tiny Go module in a folder next to this crate. `cargo xtask peers`
//! builds them into a cache keyed by content; tests find them there with [`Peer::require`], run
//! them on loopback in a home folder of their own, and stop them by process id.
//!
//! Nothing here may judge a signature, reach a host other than loopback (but for the Go tool
//! chain, which downloads modules), or be a dependency of a product crate.

mod cache;
mod go;
mod home;
mod http;
mod notation;
mod opa;
mod ours;
mod peer;
mod process;
mod push;
mod ratify;
mod recipe;
mod registry;
mod stamp;

pub use cache::{Cache, CacheKey};
pub use go::{Go, GoMissing};
pub use home::Home;
pub use notation::{NotationHome, SignatureFormat, StoreType};
pub use opa::{Evaluation, Judgement, ProviderAnswer, judge_by_template};
pub use ours::Ours;
pub use peer::Peer;
pub use process::{Outcome, run};
pub use push::{crane, push_image};
pub use ratify::{notation_config, ratify_verify};
pub use recipe::{Group, RECIPES, Recipe};
pub use registry::{
    Registry, start_crane_registry, start_distribution_registry, start_referrers_registry,
};
pub use stamp::Stamp;
