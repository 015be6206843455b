//! The files of the demo: what a user would write, and the certificates that a cluster would have. They go with it.

use std::fs;
use std::path::{Path, PathBuf};

use ratify_testkit::certs::{Authority, Extension, Template, oids};
use tempfile::TempDir;

use super::config;
use super::images::World;
use crate::error::Error;

/// Who signed the server's certificate.
pub(crate) const SERVER_CA: &str = "server-ca.crt";
/// Who signed the client's.
pub(crate) const CLIENT_CA: &str = "client-ca.crt";
/// The client's certificate and key.
pub(crate) const CLIENT: (&str, &str) = ("client.crt", "client.key");

/// A folder that goes when this does.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    /// Make the folder and everything in it.
    pub(crate) fn create(world: &World) -> Result<Self, Error> {
        let folder = tempfile::Builder::new().prefix("ratify-demo-").tempdir();
        let folder = Self(folder.map_err(writing)?);
        folder.write("acme-root.pem", &world.trusted_root())?;
        let root = folder.at("acme-root.pem");
        folder.write("config.json", &config::with_root(&root.to_string_lossy()))?;
        let servers = Authority::new("Demo Server CA");
        let server = servers.issue(&Template::tls_server(&["127.0.0.1"]));
        folder.write(SERVER_CA, &servers.pem())?;
        folder.write("tls.crt", &server.pem())?;
        folder.write("tls.key", &server.key_pem())?;
        let clients = Authority::new("Demo Gatekeeper CA");
        let usage = Extension::extended_key_usage(&[oids::CLIENT_AUTH]);
        let client = clients.issue(&Template::leaf("gatekeeper").with(usage));
        folder.write(CLIENT_CA, &clients.pem())?;
        folder.write(CLIENT.0, &client.pem())?;
        folder.write(CLIENT.1, &client.key_pem())?;
        Ok(folder)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// A file in it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Remove it.
    pub(crate) fn remove(self) -> Result<(), Error> {
        self.0.close().map_err(|source| Error::System {
            action: "remove the demo's files",
            source,
        })
    }

    fn write(&self, name: &str, content: &str) -> Result<(), Error> {
        fs::write(self.at(name), content).map_err(writing)
    }
}

fn writing(source: std::io::Error) -> Error {
    Error::System {
        action: "write the demo's files",
        source,
    }
}
