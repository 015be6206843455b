//! A listening socket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};

use crate::transport::Address;

/// Connections the kernel holds before they are accepted. As many as [`crate::ConnectionLimits`] lets in; Linux cuts it
/// to `net.core.somaxconn`, 4,096 since Linux 5.4.
const BACKLOG: i32 = 4096;
/// How long bytes may lie unread by the client before the kernel ends the connection. As the idle time-out.
const UNREAD: Duration = Duration::from_secs(10);

/// A listening TCP socket.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// The host name has no address.
    #[error("cannot listen on `{address}`: its host name cannot be resolved")]
    Resolve {
        /// As asked for.
        address: Address,
        /// The resolver's answer.
        #[source]
        source: io::Error,
    },
    /// Somebody else listens there.
    #[error("cannot listen on `{address}`: another process does; stop it or choose another port")]
    InUse {
        /// As asked for.
        address: Address,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// The kernel refuses.
    #[error("cannot listen on `{address}`")]
    Bind {
        /// As asked for.
        address: Address,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
}

impl BindError {
    /// As asked for.
    pub fn address(&self) -> &Address {
        match self {
            Self::Resolve { address, .. }
            | Self::InUse { address, .. }
            | Self::Bind { address, .. } => address,
        }
    }
}

impl Listener {
    /// Listen on `address`. All interfaces are IPv6 and IPv4 together, or IPv4 alone where there is no IPv6.
    ///
    /// # Errors
    /// The name is unknown, the port is taken or not allowed, or no such address is here.
    pub async fn bind(address: &Address) -> Result<Self, BindError> {
        let unresolved = |source| BindError::Resolve {
            address: address.clone(),
            source,
        };
        let candidates = address.candidates().await.map_err(unresolved)?;
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for candidate in candidates {
            match listen(candidate) {
                Ok(listener) => return Ok(listener),
                Err(source) if source.kind() == io::ErrorKind::AddrInUse => {
                    return Err(BindError::InUse {
                        address: address.clone(),
                        source,
                    });
                }
                Err(source) => failure = source,
            }
        }
        Err(BindError::Bind {
            address: address.clone(),
            source: failure,
        })
    }

    /// Where it listens, with the port that was chosen.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next connection and who made it.
    pub(super) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.socket.accept().await?;
        Ok(prepared(stream, peer))
    }

    /// The next connection that waits already. Asks the kernel itself: the runtime may not have heard of it yet.
    pub(super) fn accept_waiting(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, peer) = SockRef::from(&self.socket).accept()?;
        socket.set_nonblocking(true)?;
        let stream = TcpStream::from_std(socket.into())?;
        let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
        Ok(prepared(stream, peer))
    }
}

/// Neither option is worth losing a connection over: without the first answers come later, without the second a client
/// that does not read is given up by the time-outs of the transport alone.
fn prepared(stream: TcpStream, peer: SocketAddr) -> (TcpStream, SocketAddr) {
    let _ = stream.set_nodelay(true);
    #[cfg(target_os = "linux")]
    let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(UNREAD));
    (
        stream,
        SocketAddr::new(peer.ip().to_canonical(), peer.port()),
    )
}

fn listen(address: SocketAddr) -> io::Result<Listener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // so that a restart need not wait for connections of the process before
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let socket = TcpListener::from_std(socket.into())?;
    let address = socket.local_addr()?;
    Ok(Listener { socket, address })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn bind(address: &str) -> Result<Listener, BindError> {
        Listener::bind(&address.parse().unwrap()).await
    }

    #[tokio::test]
    async fn all_interfaces_take_ipv4_too_and_name_it_so() {
        let listener = bind(":0").await.unwrap();
        let port = listener.address().port();
        let client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        assert!(stream.nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(
            SockRef::from(&stream).tcp_user_timeout().unwrap(),
            Some(UNREAD)
        );
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_named() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let again = format!("127.0.0.1:{}", first.address().port());
        let error = bind(&again).await.unwrap_err();
        assert!(matches!(error, BindError::InUse { .. }), "{error:?}");
        assert!(error.to_string().contains(&again));
    }

    #[tokio::test]
    async fn a_taken_port_is_no_reason_to_listen_on_ipv4_alone() {
        let first = bind("[::]:0").await.unwrap();
        let error = bind(&format!(":{}", first.address().port())).await;
        assert!(matches!(error, Err(BindError::InUse { .. })), "{error:?}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_an_error() {
        let error = bind("192.0.2.1:0").await.unwrap_err();
        assert!(matches!(error, BindError::Bind { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_name_is_resolved() {
        let listener = bind("localhost:0").await.unwrap();
        assert!(listener.address().ip().is_loopback());
    }

    #[tokio::test]
    async fn waiting_connections_are_taken_without_waiting_for_more() {
        let listener = bind("127.0.0.1:0").await.unwrap();
        let none = |found: io::Result<_>| {
            found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        };
        assert!(none(listener.accept_waiting()));
        // on one thread, and without waiting, so that the runtime does not hear of them
        let first = std::net::TcpStream::connect(listener.address()).unwrap();
        let second = std::net::TcpStream::connect(listener.address()).unwrap();
        for client in [first, second] {
            let (stream, peer) = listener.accept_waiting().unwrap();
            assert_eq!(peer, client.local_addr().unwrap());
            assert!(stream.nodelay().unwrap());
        }
        assert!(none(listener.accept_waiting()));
    }
}
