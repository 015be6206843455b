//! A command that talks to a registry: the image, the configuration and how long it may take.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use ratify_config::{Environment, LoadOptions};
use ratify_engine::Engine;
use ratify_oci::Reference;
use tokio::time::Instant;

use crate::args::Target;
use crate::console::Console;
use crate::error::Error;
use crate::{filter, logs};

/// What such a command works with.
pub(crate) struct Running {
    /// The image.
    pub(crate) reference: Reference,
    /// The engine over the configuration.
    pub(crate) engine: Engine,
    /// Names of the verifiers whose type the configuration writes out.
    pub(crate) typed_verifiers: BTreeSet<String>,
    /// When to give up.
    pub(crate) deadline: Instant,
}

impl Running {
    /// Read the reference, then the configuration (v1.4's order), begin to log, start the clock.
    ///
    /// `artifact_types` are those of `--artifactType`; none means all.
    pub(crate) fn start(
        console: &Console,
        target: &Target,
        artifact_types: &[String],
        debug: bool,
    ) -> Result<Self, Error> {
        if target.subject.is_empty() {
            return Err(Error::NoSubject);
        }
        let reference: Reference = target.subject.parse().map_err(Error::Reference)?;
        let path = (!target.config.is_empty()).then(|| Path::new(&target.config));
        // whoever types a command names the image too, so a registry on this machine may be asked without TLS
        let options = LoadOptions {
            allow_loopback_http: true,
            ..LoadOptions::default()
        };
        let loaded = ratify_config::load(path, &Environment::of_process(), &options)?;
        logs::start(console, loaded.formatter, debug);
        tracing::debug!(path = %loaded.path.display(), "read the configuration");
        for warning in &loaded.warnings {
            tracing::warn!("{warning}");
        }
        if !artifact_types.is_empty() {
            let types = artifact_types.join("`, `");
            tracing::warn!(
                "only artifacts of type `{types}` are looked at, because `--artifactType` says so"
            );
        }
        let snapshot = filter::only(loaded.snapshot, artifact_types)?;
        Ok(Self {
            reference,
            engine: Engine::new(Arc::new(snapshot)),
            typed_verifiers: loaded.typed_verifiers,
            deadline: Instant::now() + target.timeout,
        })
    }

    /// Warn that a tag can be moved.
    pub(crate) fn warn_of_tag(&self) {
        if self.reference.digest().is_none() {
            tracing::warn!(
                "a digest should be used instead of a tag: the tag of `{}` can be moved to another image at any time",
                self.reference
            );
        }
    }
}
