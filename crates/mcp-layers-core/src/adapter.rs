//! Helpers for adapters: crates that implement the views for the types of one MCP implementation.

pub mod json_result;

pub use crate::{
    arguments::write_canonical,
    json::{
        json_size, map_size, serialized_size, visit_json_texts, visit_map_texts, write_serialized,
    },
};
