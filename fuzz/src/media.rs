//! The beginning of an image or of a recording in a prompt: whatever it says, its tokens are counted.

/// Reads a file; says whether its size or length is known.
pub(crate) fn run(data: &[u8]) -> bool {
    tollgate::usage::probe_media(data)
}
