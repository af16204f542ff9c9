//! The Git room against real servers: polls, fetches, pushes, and what goes wrong with them.

mod common;
mod faults;
mod fetch;
mod gitolite;
mod mirror;
mod poll;
mod push;
mod service;
mod tags;
