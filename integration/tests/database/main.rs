//! The databases: one contract, over SQLite and PostgreSQL.

mod keys;
mod ledger;
mod objects;
mod opening;
mod replica;
mod rig;
mod size;
