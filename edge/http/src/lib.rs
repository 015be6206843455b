//! The one bounded HTTP client: body caps, retries, deadlines, extra CAs.
