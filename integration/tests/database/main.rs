//! The databases: one contract, over SQLite and PostgreSQL.

mod ledger;
mod opening;
mod rig;
mod size;
