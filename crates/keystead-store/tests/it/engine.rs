//! What holds for any transaction, whichever verbs it calls.

use keystead_store::{Fault, feed};

use crate::Case;

pub const CASES: &[Case] = &[
    ("a read is answered", |house| {
        assert_eq!(house.read(feed::newest), Ok(0));
    }),
    ("after closing, callers hear that it is closed", |house| {
        house.store.close();
        assert_eq!(house.write(|_| Ok(())), Err(Fault::Closed));
    }),
];
