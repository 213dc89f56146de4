//! Limits, counted in the memory of one process and in Redis: one contract, and what only several replicas
//! have.

mod contract;
mod replicas;
mod rig;
mod script;
mod servers;
mod unavailable;
