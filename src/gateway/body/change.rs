//! What is passed on in place of a body. What a deployment is called there is known when its backends are
//! chosen, which is last: a request that waits or is refused takes nobody's turn.

use crate::access::{BodyError, Edit, Form, Model};

/// The field of a form that names the deployment.
pub(super) const MODEL: &str = "model";

/// How a body changes.
#[derive(Debug, Default)]
pub(crate) enum BodyChange {
    /// It goes on as it came.
    #[default]
    Nothing,
    /// JSON, with these edits and the deployment's name where it names a model.
    Json {
        edits: Vec<Edit>,
        model: Option<Model>,
    },
    /// A form of this `content-type`: it is written anew, with the deployment's name where it names a model.
    Form(String),
    /// A file's form, which calls nothing by a name.
    File(Rewritten),
}

/// Another body in place of the client's.
#[derive(Debug)]
pub(crate) struct Rewritten {
    pub(crate) body: Vec<u8>,
    /// Its `content-type`, where it is another one, too.
    pub(crate) content_type: Option<String>,
}

impl From<(String, Vec<u8>)> for Rewritten {
    /// A form that is written anew, with its `content-type`.
    fn from((content_type, body): (String, Vec<u8>)) -> Self {
        Self {
            body,
            content_type: Some(content_type),
        }
    }
}

impl BodyChange {
    /// The body that is passed on, where it differs: it calls the deployment by this name. What is authorised is
    /// all that anybody behind us can read, so it is written where the body says another one or none.
    ///
    /// # Errors
    /// [`BodyError`], of a form.
    pub(crate) fn write(self, body: &[u8], name: &str) -> Result<Option<Rewritten>, BodyError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Json { mut edits, model } => {
                let other = model.filter(|it| it.name.as_deref() != Some(name));
                edits.extend(other.map(|it| it.rename(name)));
                Ok((!edits.is_empty()).then(|| Rewritten {
                    body: Edit::apply(&edits, body),
                    content_type: None,
                }))
            }
            Self::Form(content_type) => renamed(&content_type, body, name).map(Some),
            Self::File(written) => Ok(Some(written)),
        }
    }
}

/// A form, written anew with this name. It is the client's own that is read again: what is written may be longer
/// than what anybody may send.
fn renamed(content_type: &str, body: &[u8], name: &str) -> Result<Rewritten, BodyError> {
    let mut form = Form::parse(content_type, body)?;
    if form.field(MODEL)?.is_some_and(|model| model != name) {
        form.set(MODEL, name.to_owned());
    }
    Ok(form.write().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str =
        "--X\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nwhisper\r\n--X--\r\n";

    #[test]
    fn a_form_has_the_name_that_its_backend_knows() {
        for name in ["whisper", "whisper-eu"] {
            let change = BodyChange::Form("multipart/form-data; boundary=X".to_owned());
            let written = change
                .write(FORM.as_bytes(), name)
                .expect("a form")
                .expect("a body");
            let content_type = written.content_type.expect("a form's");
            let read = Form::parse(&content_type, &written.body).expect("a form");
            assert_eq!(read.field(MODEL), Ok(Some(name)));
        }
    }

    #[test]
    fn what_says_all_as_it_should_goes_on_as_it_came() {
        let change = BodyChange::Json {
            edits: Vec::new(),
            model: None,
        };
        assert!(change.write(b"{}", "gpt-4o").expect("JSON").is_none());
    }
}
