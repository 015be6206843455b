//! The face over a real registry with real signatures, and over stores that do as they are told.

mod attacks;
mod connection;
mod golden;
mod load;
mod logs;
mod review;
mod rig;
