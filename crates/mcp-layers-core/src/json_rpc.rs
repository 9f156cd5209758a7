//! A neutral JSON-RPC request, response and notification, for servers that have no types of their
//! own.

mod message;
mod request;
mod response;

pub use message::{JsonRpcMessage, JsonRpcNotification, ParseError};
pub use request::{JsonRpcId, JsonRpcReplyTo, JsonRpcRequest};
pub use response::JsonRpcResponse;
