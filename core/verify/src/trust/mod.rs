//! What is trusted: keys, certificates, chains, trust stores, trust policies.
