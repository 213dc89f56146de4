//! A client, with all that it may use.

use std::sync::Arc;

use super::Product;
use crate::access::client::{ClientId, ClientOptions, ClientRules, Labels};

/// An application that we know, with what it may use.
#[derive(Debug)]
pub struct Client {
    /// Its name.
    pub id: ClientId,
    /// Its products, in the order of the configuration: the first that allows a request names it.
    pub products: Vec<Arc<Product>>,
    /// What it is trusted with, or kept from.
    pub options: ClientOptions,
    /// What its usage is charged under.
    pub labels: Labels,
    /// How much it may use.
    pub limits: ClientRules,
}

impl Client {
    /// A client with its products, without options or labels.
    pub fn new(id: ClientId, products: Vec<Arc<Product>>) -> Self {
        Self {
            id,
            products,
            options: ClientOptions::default(),
            labels: Labels::default(),
            limits: ClientRules::default(),
        }
    }
}
