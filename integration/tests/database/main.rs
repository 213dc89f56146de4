//! The databases: one contract, over SQLite and PostgreSQL.

mod opening;
mod rig;
