//! How names become addresses, and which of those are connected to.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;

use crate::targets::Danger;

/// Addresses that are being looked up.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// How names become addresses.
#[derive(Clone)]
pub struct Lookup(Arc<dyn Fn(&str) -> Addresses + Send + Sync>);

impl Lookup {
    /// Ask `lookup`, for programs and tests that know more than the system.
    pub fn new(lookup: impl Fn(&str) -> Addresses + Send + Sync + 'static) -> Self {
        Self(Arc::new(lookup))
    }

    /// The addresses of `name`, never none.
    pub(crate) async fn addresses(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        let Self(lookup) = self;
        let found = lookup(name).await?;
        if found.is_empty() {
            let kind = io::ErrorKind::NotFound;
            return Err(io::Error::new(kind, "name has no addresses"));
        }
        Ok(found)
    }
}

impl Default for Lookup {
    /// The system's: `/etc/hosts` and name servers.
    fn default() -> Self {
        Self::new(|name| {
            let name = name.to_owned();
            Box::pin(async move {
                let found = tokio::net::lookup_host((name, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            })
        })
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

/// Those of `addresses` that may be connected to; if there is none, why.
pub(crate) fn harmless(addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Danger> {
    let mut danger = None;
    let mut kept = addresses;
    kept.retain(|address| match Danger::of_address(*address) {
        Some(found) => {
            danger = Some(found);
            false
        }
        None => true,
    });
    match danger {
        Some(danger) if kept.is_empty() => Err(danger),
        _ => Ok(kept),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_addresses_are_left_out_and_nothing_else_is_an_error() {
        let addresses = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let mixed = addresses(&["127.0.0.1", "10.0.0.1", "::1", "2001:db8::1"]);
        assert_eq!(harmless(mixed), Ok(addresses(&["10.0.0.1", "2001:db8::1"])));
        for (only, danger) in [
            (&["127.0.0.1", "::1"][..], Danger::Loopback),
            (&["169.254.169.254"], Danger::LinkLocal),
            (&["::ffff:169.254.169.254"], Danger::LinkLocal),
        ] {
            assert_eq!(harmless(addresses(only)), Err(danger));
        }
    }
}
