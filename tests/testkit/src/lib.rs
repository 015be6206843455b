//! Makes bytes for tests and the demo: CAs, signatures, images, an in-memory registry.
