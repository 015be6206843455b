//! Evidence in, verdict out: Notary Project signatures, certificate chains, trust policy.
