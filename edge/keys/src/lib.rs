//! Where certificates come from: files, inline.
