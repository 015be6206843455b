//! A whole cluster as plain processes on loopback: etcd, kube-apiserver, kube-controller-manager
//! and Gatekeeper, with `ratify` or Ratify 1.4.4 as the provider that Gatekeeper asks.
//!
//! Nothing is simulated but the kubelet, of which admission needs two things: the pods that
//! Gatekeeper believes to run in, and a folder with the content of its certificate Secret.
//! `tests/it` holds what is shown with it. Nothing here judges an image, or leaves loopback.

mod cluster;
mod control_plane;
mod daemon;
mod gatekeeper;
mod images;
mod kubectl;
mod manifests;
mod pki;
mod policy;
mod poll;
mod ports;
mod provider;
mod scene;
mod secret_mount;
mod watchdog;

pub use cluster::{Cluster, Programs};
pub use images::{Image, Images};
pub use kubectl::Kubectl;
pub use policy::{OUR_TEMPLATE, Template};
pub use poll::{Seen, until};
pub use provider::Server;
pub use scene::Scene;
