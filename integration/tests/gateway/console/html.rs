//! Reads the console's page: the rows of its tables.

/// The rows of the table whose caption has this id, without its titles: of each cell what a program reads of it,
/// or else its text.
pub(super) fn rows(html: &str, caption: &str) -> Vec<Vec<String>> {
    let start = format!("<caption id=\"{caption}\">");
    let (_, table) = html.split_once(&start).expect("the table");
    let (table, _) = table.split_once("</table>").expect("its end");
    let body = table.split_once("</thead>").map_or("", |(_, body)| body);
    let cells = |row: &str| {
        let (row, _) = row.split_once("</tr>").expect("the end of a row");
        let row = row.replace("</th>", "</td>");
        let mut cells: Vec<_> = row.split("</td>").map(cell).collect();
        cells.pop();
        cells
    };
    body.split("<tr>").skip(1).map(cells).collect()
}

fn cell(html: &str) -> String {
    let value = html
        .split_once("<data value=\"")
        .and_then(|(_, rest)| rest.split_once('"'));
    match value {
        Some((value, _)) => value.to_owned(),
        None => visible(html).trim().to_owned(),
    }
}

/// The text that a person reads.
pub(super) fn visible(html: &str) -> String {
    let mut text = String::new();
    for part in html.split('<') {
        text.push_str(part.split_once('>').map_or(part, |(_, text)| text));
    }
    for (entity, character) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#x27;", "'"),
        ("&#x2f;", "/"),
        ("&amp;", "&"),
    ] {
        text = text.replace(entity, character);
    }
    text
}
