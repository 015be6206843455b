//! The client against a server on loopback that says exactly what a test wants, byte for byte.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod forwarded;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod observer;
#[cfg(test)]
mod redirects;
#[cfg(test)]
mod retries;
#[cfg(test)]
mod server;
#[cfg(test)]
mod targets;
#[cfg(test)]
mod tls;
