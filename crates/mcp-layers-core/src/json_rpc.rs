//! A neutral JSON-RPC request, response and notification, for servers that have no types of their
//! own.

mod id;
mod message;
mod request;
mod response;

pub use id::{JsonRpcId, JsonRpcReplyTo};
pub use message::{JsonRpcMessage, JsonRpcNotification, ParseError};
pub use request::JsonRpcRequest;
pub use response::JsonRpcResponse;
