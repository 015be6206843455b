//! The part of a verification that no program can leave out: two P-256 checks for each signature, the envelope's by the
//! leaf and the leaf's by its root.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _,
    UnparsedPublicKey,
};

/// About the length of what is signed: a JWS payload with its header, or a certificate.
const MESSAGE: [u8; 600] = [b'm'; 600];

/// Checks of one measurement.
const CHECKS: u32 = 100;

/// Measurements, of which the fastest counts: the others were disturbed.
const ROUNDS: usize = 40;

/// Time between them, so that a busy moment does not spoil them all.
const PAUSE: Duration = Duration::from_millis(40);

/// The time of one signature's two checks, on one core.
pub(crate) fn measure() -> Result<Duration> {
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).context("no key")?;
    let signature = key.sign(&random, &MESSAGE).context("no signature")?;
    let public = key.public_key().as_ref().to_vec();
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CHECKS {
            // from the encoded key, as each verification meets it
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &public);
            public
                .verify(&MESSAGE, signature.as_ref())
                .context("a good signature")?;
        }
        best = best.min(start.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(best / CHECKS * 2)
}

#[cfg(test)]
mod tests {
    #[test]
    fn two_checks_take_some_time() {
        let time = super::measure().unwrap();
        assert!(time.as_micros() > 10, "{time:?}");
    }
}
