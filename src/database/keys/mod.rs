//! The keys that were issued at run time.

mod change;
mod error;
mod row;
mod store;

pub use error::KeyChangeError;
pub use store::{KeyStore, NewKey, PAGE_ROWS};
