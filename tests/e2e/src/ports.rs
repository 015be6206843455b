//! Loopback ports of the kernel's choice, so that two runs on one machine do not clash.

use std::net::TcpListener;

use anyhow::{Context as _, Result};

/// `N` different ports that are free now. They are held together and let go together: whoever
/// binds them next has to be quick, or finds out.
pub(crate) fn free<const N: usize>() -> Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::new();
    for port in &mut ports {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no free port on loopback")?;
        *port = listener
            .local_addr()
            .context("a port without number")?
            .port();
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_port_is_given_twice() {
        let mut ports = free::<16>().unwrap();
        ports.sort_unstable();
        assert!(ports.windows(2).all(|pair| pair[0] != pair[1]), "{ports:?}");
    }
}
