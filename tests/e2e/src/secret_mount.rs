//! The kubelet's part for one Secret: its content as files in a folder, kept up to date.
//!
//! Each file appears whole, by renaming. `tls.crt` comes last, because who waits for it reads the
//! others then.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Deserializer, Value};

use crate::kubectl::Kubectl;
use crate::watchdog::Watchdog;

/// A Secret that is watched, and copied at each change, until this is dropped.
#[derive(Debug)]
pub(crate) struct SecretMount {
    folder: PathBuf,
    watch: Child,
    watchdog: Watchdog,
    copier: Option<JoinHandle<()>>,
}

impl SecretMount {
    /// Copy the Secret `name` of `namespace` into `folder`, now and at each change.
    pub(crate) fn start(
        kubectl: &Kubectl,
        namespace: &str,
        name: &str,
        folder: PathBuf,
        watchdog: &Watchdog,
    ) -> Result<Self> {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot create `{}`", folder.display()))?;
        let mut command = kubectl.command(&[
            "get", "secret", name, "-n", namespace, "--watch", "-o", "json",
        ]);
        let mut watch = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start kubectl")?;
        let secrets = watch.stdout.take().context("kubectl without stdout")?;
        let copier = thread::spawn({
            let folder = folder.clone();
            move || copy_each(secrets, &folder)
        });
        let mount = Self {
            folder,
            watch,
            watchdog: watchdog.clone(),
            copier: Some(copier),
        };
        watchdog.started(mount.watch.id())?;
        Ok(mount)
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// An error if nobody copies any more.
    pub(crate) fn expect_alive(&mut self) -> Result<()> {
        let ended = self.copier.as_ref().is_none_or(JoinHandle::is_finished);
        anyhow::ensure!(!ended, "the watch of a Secret has ended");
        Ok(())
    }
}

impl Drop for SecretMount {
    fn drop(&mut self) {
        // both fail only if it has ended already
        let _ = self.watch.kill();
        let _ = self.watch.wait();
        self.watchdog.ended(self.watch.id());
        if let Some(copier) = self.copier.take() {
            // its pipe is closed now
            let _ = copier.join();
        }
    }
}

/// Ends with the stream, or with the first Secret that cannot be copied: who waits for the files
/// then runs into a deadline.
fn copy_each(secrets: ChildStdout, folder: &Path) {
    for secret in Deserializer::from_reader(secrets).into_iter::<Value>() {
        if secret
            .map_err(anyhow::Error::from)
            .and_then(|secret| write(&contents(&secret)?, folder))
            .is_err()
        {
            return;
        }
    }
}

/// The decoded `data` of a Secret.
fn contents(secret: &Value) -> Result<BTreeMap<String, Vec<u8>>> {
    let data = secret.get("data").and_then(Value::as_object);
    data.into_iter()
        .flatten()
        .map(|(name, value)| {
            let value = value.as_str().context("expected a string in `data`")?;
            Ok((name.clone(), STANDARD.decode(value)?))
        })
        .collect()
}

fn write(contents: &BTreeMap<String, Vec<u8>>, folder: &Path) -> Result<()> {
    // "tls.crt" is needed last, and sorts before "tls.key"
    let (last, first): (Vec<_>, Vec<_>) = contents.iter().partition(|(name, _)| *name == "tls.crt");
    for (name, content) in first.into_iter().chain(last) {
        let partial = folder.join(format!(".{name}"));
        fs::write(&partial, content)?;
        fs::rename(&partial, folder.join(name))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_becomes_files() {
        let folder = tempfile::tempdir().unwrap();
        let secret = json!({ "data": { "ca.crt": "Y2E=", "tls.crt": "bGVhZg==" } });
        write(&contents(&secret).unwrap(), folder.path()).unwrap();
        assert_eq!(fs::read(folder.path().join("ca.crt")).unwrap(), b"ca");
        assert_eq!(fs::read(folder.path().join("tls.crt")).unwrap(), b"leaf");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        assert!(contents(&json!({})).unwrap().is_empty());
    }
}
