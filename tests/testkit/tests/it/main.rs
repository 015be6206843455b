//! Does the testkit make what it says? Judged by other people's code: aws-lc-rs, x509-cert, coset, plain TCP.

#[cfg(test)]
mod certs;
#[cfg(test)]
mod client;
#[cfg(test)]
mod envelope;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod registry;
