//! CSV files that spreadsheets open: texts stay texts.

use std::io::Write;

use serde::Serialize;

use crate::cli::plain::csv_field;

/// Writes the names of the columns, if there is a row, and the rows.
pub(super) fn write<R: Serialize>(
    to: impl Write,
    rows: impl IntoIterator<Item = R>,
) -> Result<(), csv::Error> {
    let mut file = csv::WriterBuilder::new().flexible(true).from_writer(to);
    for (at, row) in rows.into_iter().enumerate() {
        // As fields first: what is a text and what a number is then the same for all rows.
        let mut fields = csv::Writer::from_writer(Vec::new());
        fields.serialize(row)?;
        let fields = fields.into_inner().map_err(|error| error.into_error())?;
        let mut fields = csv::Reader::from_reader(fields.as_slice());
        if at == 0 {
            file.write_record(fields.headers()?)?;
        }
        for record in fields.records() {
            file.write_record(record?.iter().map(csv_field).map(|it| it.into_owned()))?;
        }
    }
    Ok(file.flush()?)
}

/// Writes the names of the columns and rows of fields.
pub(super) fn write_fields(
    to: impl Write,
    header: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Result<(), csv::Error> {
    let mut file = csv::Writer::from_writer(to);
    file.write_record(header)?;
    for row in rows {
        file.write_record(row.iter().map(|field| csv_field(field).into_owned()))?;
    }
    Ok(file.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Row {
        user: &'static str,
        tokens: i64,
    }

    #[test]
    fn a_users_formula_is_a_text_and_a_count_is_a_number() {
        let user = "=HYPERLINK(\"https://x.example\",\"a, b\")";
        let rows = [
            Row { user, tokens: -3 },
            Row {
                user: "ann",
                tokens: 4,
            },
        ];
        let mut file = Vec::new();
        write(&mut file, rows).expect("memory");
        assert_eq!(
            String::from_utf8(file).expect("text"),
            "user,tokens\n\"'=HYPERLINK(\"\"https://x.example\"\",\"\"a, b\"\")\",-3\nann,4\n"
        );
    }
}
