//! The table of allowed arrows.
//!
//! A row is a decision: change it together with ARCHITECTURE.md, and never to make a build pass.

/// What one crate may use, and what it may never reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The crate's folder below the root; the first part is its ring.
    pub(crate) folder: &'static str,
    /// Folders of the crates of ours it may depend on directly.
    pub(crate) may_use: &'static [&'static str],
    /// The same, but only as an optional dependency behind a feature.
    pub(crate) by_feature: &'static [&'static str],
    /// Packages it may not reach, however many hops away.
    pub(crate) never_sees: &'static [&'static str],
}

/// What can touch the world (network, files, clock, threads of others) or exists to report on it.
/// A pure crate reaches none of these.
const WORLDLY: &[&str] = &[
    "async-std",
    "async-trait",
    "axum",
    "clap",
    "futures-executor",
    "h2",
    "hyper",
    "hyper-util",
    "kube",
    "kube-client",
    "mio",
    "notify",
    "rand",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tempfile",
    "tokio",
    "tokio-util",
    "tower",
    "tracing",
    "tracing-core",
    "tracing-subscriber",
    "ureq",
];

/// Edge crates move bytes: no Kubernetes, no server, no command line, nothing of app.
const KUBE: &[&str] = &["kube", "kube-client", "axum", "clap"];

/// A mover of bytes that could also judge them might be tempted to.
const KUBE_AND_JUDGES: &[&str] = &[
    "kube",
    "kube-client",
    "axum",
    "clap",
    "ratify-verify",
    "ratify-policy",
];

/// A source of keys has no business with images.
const KUBE_AND_REGISTRY: &[&str] = &["kube", "kube-client", "axum", "clap", "ratify-registry"];

/// Every crate of the workspace, inner to outer.
pub(crate) const ROWS: [Row; 15] = [
    row("core/oci", &[], WORLDLY),
    row("core/verify", &["core/oci"], WORLDLY),
    row("core/policy", &["core/verify", "core/oci"], WORLDLY),
    row("edge/http", &["core/oci"], KUBE_AND_JUDGES),
    row("edge/registry", &["core/oci", "edge/http"], KUBE_AND_JUDGES),
    row(
        "edge/keys",
        &["core/verify", "edge/http"],
        KUBE_AND_REGISTRY,
    ),
    row(
        "app/engine",
        &[
            "core/oci",
            "core/verify",
            "core/policy",
            "edge/http",
            "edge/registry",
            "edge/keys",
        ],
        KUBE,
    ),
    row(
        "app/config",
        &[
            "core/oci",
            "core/verify",
            "core/policy",
            "edge/http",
            "edge/registry",
            "edge/keys",
            "app/engine",
        ],
        KUBE,
    ),
    row(
        "app/server",
        &["core/oci", "core/verify", "core/policy", "app/engine"],
        KUBE,
    ),
    Row {
        folder: "app/cli",
        may_use: &[
            "core/oci",
            "core/verify",
            "core/policy",
            "edge/http",
            "edge/registry",
            "edge/keys",
            "app/engine",
            "app/config",
            "app/server",
        ],
        // it signs: in the product only for `ratify demo`
        by_feature: &["tests/testkit"],
        never_sees: &["kube", "kube-client"],
    },
    // it makes bytes, and `verify` uses it in its own tests
    row("tests/testkit", &["core/oci"], KUBE_AND_JUDGES),
    row("tests/peers", &[], &[]),
    row("tests/e2e", &["tests/testkit", "tests/peers"], &[]),
    // it measures the server as its users run it, on images of the test kit
    row("benches", &["core/oci", "tests/testkit"], &[]),
    row("xtask", &["core/verify", "tests/peers"], &[]),
];

const fn row(
    folder: &'static str,
    may_use: &'static [&'static str],
    never_sees: &'static [&'static str],
) -> Row {
    Row {
        folder,
        may_use,
        by_feature: &[],
        never_sees,
    }
}
