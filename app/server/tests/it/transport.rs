//! Connections from outside: every test speaks to a listening server over loopback.

mod descriptors;
mod http;
mod limits;
mod load;
mod reload;
mod rig;
mod stop;
mod tls;
mod whole;
