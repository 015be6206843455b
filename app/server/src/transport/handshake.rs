//! Why TLS handshakes fail: counted each time, told now and then.

use std::io;
use std::net::SocketAddr;

use rustls::Error;
use tokio::time::Instant;

use crate::transport::ConnectionCounters;
use crate::transport::seldom::Seldom;

/// Why a handshake failed. Time-outs are the table's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// The client went away.
    Disconnected,
    /// Not TLS, nothing in common, or the client refused us.
    Protocol,
    /// The client has no certificate.
    NoCertificate,
    /// The client's certificate is not good.
    BadCertificate,
}

/// The handshake with `peer` ended with `error`.
pub(super) fn failed(
    error: &io::Error,
    peer: SocketAddr,
    counters: &ConnectionCounters,
    seldom: &Seldom,
) {
    match failure(error) {
        Failure::Disconnected => {
            counters.handshake_disconnected.add();
            // a port probe looks like this
            tracing::debug!(%peer, %error, "the client left during the TLS handshake");
            return;
        }
        Failure::Protocol => counters.handshake_protocol.add(),
        Failure::NoCertificate => counters.handshake_no_certificate.add(),
        Failure::BadCertificate => counters.handshake_bad_certificate.add(),
    }
    if let Some(silent) = seldom.add(Instant::now()) {
        tracing::warn!(silent, "TLS handshake error from {peer}: {error}");
    }
}

/// Why a handshake ended with `error`.
fn failure(error: &io::Error) -> Failure {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        None => Failure::Disconnected,
        Some(Error::NoCertificatesPresented) => Failure::NoCertificate,
        Some(Error::InvalidCertificate(_)) => Failure::BadCertificate,
        Some(_) => Failure::Protocol,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let tls = |error| failure(&io::Error::new(io::ErrorKind::InvalidData, error));
        let expired = Error::InvalidCertificate(rustls::CertificateError::Expired);
        assert_eq!(tls(expired), Failure::BadCertificate);
        assert_eq!(tls(Error::NoCertificatesPresented), Failure::NoCertificate);
        assert_eq!(tls(Error::HandshakeNotComplete), Failure::Protocol);
        let left = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert_eq!(failure(&left), Failure::Disconnected);
    }
}
