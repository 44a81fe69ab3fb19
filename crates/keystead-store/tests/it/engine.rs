//! What holds for any transaction, whichever verbs it calls.

use keystead_store::Fault;

use crate::{Case, house::House};

pub const CASES: &[Case] = &[
    ("a ping is answered", |house| {
        assert_eq!(house.read(|tx| keystead_store::feed::newest(tx)), Ok(0))
    }),
    ("after closing, callers hear that it is closed", |house| {
        house.store.close();
        assert_eq!(house.write(|_| Ok(())), Err(Fault::Closed));
    }),
];
