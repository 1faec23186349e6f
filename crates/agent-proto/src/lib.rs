//! The messages of the agent stream and of the operators' service, generated from `proto/`. It knows protobuf and
//! nothing of our own types: both ends convert for themselves.

pub mod auth;

/// Version 1 of the stream. See `proto/plimsoll/agent/v1/agent.proto` for what each message means.
#[allow(clippy::all, clippy::unwrap_used)]
pub mod v1 {
    tonic::include_proto!("plimsoll.agent.v1");

    /// Raised when an old end could no longer make sense of a new one.
    pub const PROTOCOL_VERSION: u32 = 1;
}

/// Version 1 of what operators ask. See `proto/plimsoll/operator/v1/operator.proto`.
pub mod operator {
    #[allow(clippy::all, clippy::unwrap_used)]
    pub mod v1 {
        tonic::include_proto!("plimsoll.operator.v1");
    }
}
