//! The databases: one contract, over SQLite and PostgreSQL.

mod key_uses;
mod keys;
mod ledger;
mod moving;
mod objects;
mod opening;
mod replica;
mod rig;
mod size;
mod users;
