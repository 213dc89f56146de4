//! The databases: one contract, over SQLite and PostgreSQL.

mod keys;
mod opening;
mod replica;
mod rig;
