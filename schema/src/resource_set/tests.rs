use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::KindName;

fn id(name: u8) -> ResourceId {
    ResourceId::new(KindName::File, format!("/{name}"))
}

proptest! {
    #[test]
    fn it_is_what_a_tree_would_be(steps in prop::collection::vec((any::<bool>(), 0_u8..8), 0..40)) {
        let (mut list, mut tree) = (ResourceSet::default(), BTreeSet::new());
        for (insert, name) in steps {
            if insert {
                prop_assert_eq!(list.insert(id(name)), tree.insert(id(name)));
            } else {
                prop_assert_eq!(list.remove(&id(name)), tree.remove(&id(name)));
            }
            prop_assert!(list.iter().eq(&tree));
        }
        let text = serde_json::to_string(&list).unwrap();
        prop_assert_eq!(&serde_json::from_str::<ResourceSet>(&text).unwrap(), &list);
        prop_assert_eq!(tree.into_iter().rev().collect::<ResourceSet>(), list);
    }
}
