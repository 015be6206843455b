//! OCI distribution client: resolve, referrers, manifests, blobs, logins.
