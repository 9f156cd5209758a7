//! The HTTP form: streamable HTTP in front of any HTTP service.

mod answer;
mod batch;
mod begin;
mod body;
mod call;
mod calls;
mod content;
mod events;
mod exchange;
mod failure;
mod layer;
mod leaf;
mod owner;
mod path;
mod recent;
mod reply;
mod resumed;
mod screen;
mod service;
mod sessions;
mod settings;
mod shared;
mod sse;
mod upstream;

pub use body::{BodyError, WireBody};
pub use layer::WireLayer;
pub use leaf::Leaf;
pub use service::{ResponseFuture, Wire};
pub use settings::Batches;
