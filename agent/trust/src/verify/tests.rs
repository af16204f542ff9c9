use super::*;
use crate::testing::{
    fleet::{Fleet, MAIN, State, key, outcome, policy},
    git::Git,
};

mod real;
