//! What usage costs: the price list, and the arithmetic.

mod amount;
mod list;

pub use amount::{Amount, NotAnAmount};
pub use list::{Cost, Price, PriceFor, PriceList, Prices, Quantities, Served, Tariff};
