//! What the value of a member is: the names that the service resolves, and what a caller only quotes.
//!
//! Names are looked for in all that the service resolves: the items of `input`, `messages`, and hosted
//! tools. What a caller quotes there (arguments, schemas, annotations, results of a search) is data, and is
//! passed over. An id in a member that nobody here knows is unsupported.

/// What is read just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Context<'a> {
    /// `input` of responses: a text or a list of items.
    Input,
    Item,
    /// `messages` of chats.
    Messages,
    Message,
    /// `content` of an item or a message: a text or a list of parts.
    Content,
    Part,
    /// One of `tools`.
    Tool,
    /// Whatever else can have an id in it.
    Other,
    /// The id of a file, or several.
    File,
    /// The id of a container; an object describes a new one.
    Container,
    /// The id of an item.
    ItemId,
    /// An id of something else, by the name of the member.
    Unsupported(&'a str),
}

impl<'a> Context<'a> {
    /// What the value of a member is, or none where it is only data.
    pub(super) fn of_member(self, name: &'a str) -> Option<Self> {
        match (self, name) {
            // Text, and what a caller quotes.
            (
                _,
                "type" | "role" | "name" | "text" | "data" | "image_url" | "file_url" | "file_data"
                | "filename" | "arguments" | "parameters" | "schema" | "input_schema" | "format"
                | "description" | "annotations" | "logprobs" | "metadata" | "encrypted_content"
                | "summary" | "call_id" | "tool_call_id",
            )
            | (Self::Tool, "function" | "custom" | "headers")
            | (Self::Message, "id" | "tool_calls" | "function_call" | "context")
            | (
                Self::Item,
                "action"
                | "created_by"
                | "input"
                | "queries"
                | "result"
                | "results"
                | "outputs"
                | "error"
                | "pending_safety_checks"
                | "acknowledged_safety_checks",
            ) => None,
            (_, "file_id" | "file_ids") => Some(Self::File),
            (_, "container" | "container_id") => Some(Self::Container),
            (Self::Item, "id" | "approval_request_id") => Some(Self::ItemId),
            (Self::Item | Self::Message, "content") | (Self::Item, "output") => Some(Self::Content),
            // An answer in speech, said once more by its id.
            (Self::Message, "audio") => Some(Self::Unsupported("audio.id")),
            _ if is_id(name) => Some(Self::Unsupported(name)),
            _ => Some(Self::Other),
        }
    }

    /// What the value of a member of the body is that nobody here knows.
    pub(super) fn of_unknown(name: &'a str) -> Self {
        match is_id(name) {
            true => Self::Unsupported(name),
            false => Self::Other,
        }
    }

    /// What the elements of a list are.
    pub(super) const fn of_element(self) -> Self {
        match self {
            Self::Input => Self::Item,
            Self::Messages => Self::Message,
            Self::Content => Self::Part,
            other => other,
        }
    }
}

/// Whether a member's name says that its value names something.
fn is_id(name: &str) -> bool {
    name == "id" || name == "ids" || name.ends_with("_id") || name.ends_with("_ids")
}
