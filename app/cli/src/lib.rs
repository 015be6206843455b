//! The one binary, ratify.
