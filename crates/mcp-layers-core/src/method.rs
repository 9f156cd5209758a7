//! The methods of the protocol.

use std::fmt;

use crate::ListedKind;

macro_rules! methods {
    ($($(#[$doc:meta])* $name:ident = $wire:literal,)*) => {
        /// A method of the protocol, of a request or of a notification.
        ///
        /// The set covers every revision from 2024-11-05 to 2026-07-28, the tasks and skills
        /// extensions, and both directions. Any other method is [`Method::Other`], and passes every
        /// layer unchanged.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Method<'a> {
            $($(#[$doc])* #[doc = concat!("`", $wire, "`")] $name,)*
            /// Any other method, by name. Never one of the names above.
            Other(&'a str),
        }

        impl<'a> Method<'a> {
            /// Every method except [`Method::Other`].
            pub const KNOWN: &'static [Method<'static>] = &[$(Method::$name),*];

            /// Reads the name of a method, as on the wire.
            #[must_use]
            pub fn new(name: &'a str) -> Self {
                match name {
                    $($wire => Self::$name,)*
                    other => Self::Other(other),
                }
            }

            /// The name on the wire.
            #[must_use]
            pub fn as_str(&self) -> &'a str {
                match *self {
                    $(Self::$name => $wire,)*
                    Self::Other(name) => name,
                }
            }

            /// The index in [`Method::KNOWN`]; `None` for [`Method::Other`].
            #[must_use]
            pub fn position(&self) -> Option<usize> {
                enum Position { $($name),* }
                match self {
                    $(Self::$name => Some(Position::$name as usize),)*
                    Self::Other(_) => None,
                }
            }

            /// The same method without the borrow; `None` for [`Method::Other`].
            #[must_use]
            pub fn known(self) -> Option<Method<'static>> {
                match self {
                    $(Self::$name => Some(Method::$name),)*
                    Self::Other(_) => None,
                }
            }
        }
    };
}

methods! {
    Initialize = "initialize",
    Discover = "server/discover",
    Ping = "ping",
    ListTools = "tools/list",
    CallTool = "tools/call",
    ListResources = "resources/list",
    ListResourceTemplates = "resources/templates/list",
    ReadResource = "resources/read",
    ReadResourceDirectory = "resources/directory/read",
    ListPrompts = "prompts/list",
    GetPrompt = "prompts/get",
    Complete = "completion/complete",
    SetLevel = "logging/setLevel",
    Subscribe = "resources/subscribe",
    Unsubscribe = "resources/unsubscribe",
    Listen = "subscriptions/listen",
    ListTasks = "tasks/list",
    GetTask = "tasks/get",
    TaskResult = "tasks/result",
    UpdateTask = "tasks/update",
    CancelTask = "tasks/cancel",
    ListSkills = "skills/list",
    GetSkill = "skills/get",
    CreateMessage = "sampling/createMessage",
    ListRoots = "roots/list",
    Elicit = "elicitation/create",
    Initialized = "notifications/initialized",
    Cancelled = "notifications/cancelled",
    Progress = "notifications/progress",
    Message = "notifications/message",
    ToolsListChanged = "notifications/tools/list_changed",
    PromptsListChanged = "notifications/prompts/list_changed",
    ResourcesListChanged = "notifications/resources/list_changed",
    ResourceUpdated = "notifications/resources/updated",
    RootsListChanged = "notifications/roots/list_changed",
    SubscriptionsAcknowledged = "notifications/subscriptions/acknowledged",
    /// Of 2025-11-25:
    TaskStatus = "notifications/tasks/status",
    /// Of the tasks extension (SEP-2663):
    TaskUpdated = "notifications/tasks",
}

impl Method<'_> {
    /// Returns true for a long-lived request, which stays open as long as its caller likes:
    /// `subscriptions/listen` (2026-07-28) and `tasks/result` (2025-11-25).
    ///
    /// Layers give it no timeout, retry, cache entry, concurrency permit or circuit breaker sample.
    #[must_use]
    pub fn is_long_lived(&self) -> bool {
        matches!(self, Self::Listen | Self::TaskResult)
    }

    /// Returns true for a request of the lifecycle: `initialize`, `server/discover`, `ping`. Every
    /// default policy allows these.
    #[must_use]
    pub fn is_lifecycle(&self) -> bool {
        matches!(self, Self::Initialize | Self::Discover | Self::Ping)
    }

    /// Returns true if the response is a page of [`Listed`](crate::Listed) entries.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(
            self,
            Self::ListTools
                | Self::ListResources
                | Self::ListResourceTemplates
                | Self::ListPrompts
                | Self::ListTasks
                | Self::ListSkills
                | Self::ReadResourceDirectory
        )
    }

    /// The kind of target that requests of this method have. `None` for a method without a target,
    /// and for `completion/complete`, where the request decides
    /// ([`McpRequest::target_kind`](crate::McpRequest::target_kind)).
    #[must_use]
    pub fn target_kind(&self) -> Option<ListedKind> {
        match self {
            Self::CallTool => Some(ListedKind::Tool),
            Self::GetPrompt => Some(ListedKind::Prompt),
            Self::ReadResource
            | Self::ReadResourceDirectory
            | Self::Subscribe
            | Self::Unsubscribe => Some(ListedKind::Resource),
            Self::GetSkill => Some(ListedKind::Skill),
            Self::GetTask | Self::TaskResult | Self::UpdateTask | Self::CancelTask => {
                Some(ListedKind::Task)
            }
            _ => None,
        }
    }

    /// Returns true for a notification, which has no response (JSON-RPC 2.0, section 4.1).
    #[must_use]
    pub fn is_notification(&self) -> bool {
        self.as_str().starts_with("notifications/")
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
