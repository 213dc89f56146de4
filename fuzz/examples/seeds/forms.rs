//! Forms, byte for byte as client libraries write them, and what a hostile client could make of them.

use crate::seed;

fn put(name: &str, content_type: &str, body: impl AsRef<[u8]>) {
    let head = format!("{content_type}\n");
    seed("form", name, [head.as_bytes(), body.as_ref()].concat());
}

/// A field and a file, with the headers of each.
fn two(boundary: &str, field: &str, file: &str) -> String {
    format!(
        "--{boundary}\r\n{field}\r\n\r\nwhisper\r\n--{boundary}\r\n{file}\r\n\r\nRIFF\r\n--{boundary}--\r\n"
    )
}

const FIELD: &str = r#"Content-Disposition: form-data; name="model""#;

pub(crate) fn write() {
    of_writers();
    legal();
    hostile();
}

/// The seeds `good-by-…` are sent through the gateway in its tests: the model `whisper`, and the file
/// `file` of four bytes.
fn of_writers() {
    let by = |writer: &str, content_type: &str, body: String| {
        put(&format!("good-by-{writer}"), content_type, body);
    };
    // System.Net.Http.MultipartFormDataContent, as openai-dotnet uses it.
    let boundary = "S1yTh=_4WEPZJ=EHGO8ybpXmbu=kgnGjT9YnuU2eTMBTpnqNe=m9a1b_2C=dEfGh0123=4";
    by(
        "dotnet",
        &format!("multipart/form-data; boundary=\"{boundary}\""),
        two(
            boundary,
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model",
            "Content-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''a.wav",
        ),
    );
    let boundary = "0d2f6d33-1d43-4d3b-a3a1-0a4e6f3b7f4e";
    by(
        "dotnet-not-ascii",
        &format!("multipart/form-data; boundary=\"{boundary}\""),
        two(
            boundary,
            "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; name=model",
            "Content-Type: audio/wav\r\nContent-Disposition: form-data; name=file; filename=\"=?utf-8?B?w7wgMS53YXY=?=\"; filename*=utf-8''%C3%BC%201.wav",
        ),
    );
    let boundary = "ac173d59260162c9a7e1c6425f23e5af9b7f401352bfcd9779e569769193";
    by(
        "go",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            FIELD,
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\\c\\\" ü.wav\"\r\nContent-Type: application/octet-stream",
        ),
    );
    let boundary = "dqKxSnOKkgYQYa2XlH_T2zZnPWy6AHsN";
    by(
        "apache-4",
        &format!("multipart/form-data; boundary={boundary}; charset=UTF-8"),
        two(
            boundary,
            &format!(
                "{FIELD}\r\nContent-Type: text/plain; charset=ISO-8859-1\r\nContent-Transfer-Encoding: 8bit"
            ),
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\\c\\\" ü.wav\"\r\nContent-Type: audio/wav\r\nContent-Transfer-Encoding: binary",
        ),
    );
    let boundary = "VK4zql8xXOa-MyhIlJPD71Qboi296zoNMcS5P";
    by(
        "apache-5",
        &format!("multipart/form-data; charset=ISO-8859-1; boundary={boundary}"),
        two(
            boundary,
            &format!("{FIELD}\r\nContent-Type: text/plain; charset=UTF-8"),
            "Content-Disposition: form-data; name=\"file\"; filename=\"a%20%22b%5Cc%22%20%C3%BC.wav\"\r\nContent-Type: audio/wav",
        ),
    );
    let boundary = "Ty3hVe8Rc2ZePbYFxntYqbzriBAoLhNPVRYuHClU";
    by(
        "spring",
        &format!("multipart/form-data;boundary={boundary}"),
        two(
            boundary,
            &format!("{FIELD}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 7"),
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\\c\\\" ü.wav\"\r\nContent-Type: audio/x-wav\r\nContent-Length: 4",
        ),
    );
    let boundary = "24f192dd-afce-4fc1-90b6-c316f0051663";
    by(
        "okhttp",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            &format!("{FIELD}\r\nContent-Length: 7"),
            "Content-Disposition: form-data; name=\"file\"; filename=\"a %22b\\c%22 ü.wav\"\r\nContent-Type: audio/wav\r\nContent-Length: 4",
        ),
    );
    by(
        "retrofit",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            &format!(
                "{FIELD}\r\nContent-Transfer-Encoding: binary\r\nContent-Type: application/json; charset=UTF-8\r\nContent-Length: 7"
            ),
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Transfer-Encoding: binary\r\nContent-Type: audio/wav\r\nContent-Length: 4",
        ),
    );
    let boundary = "KJ9xq1vT5sLx0w-0Yb8eXkB3Qm4tJv2yZ0aUo5c7dRfGhEiNlPp1Sg";
    by(
        "ruby-net-http",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            FIELD,
            "Content-Disposition: form-data; name=\"file\"; filename=\"a \\\"b\\\".wav\"\r\nContent-Type: application/octet-stream",
        ),
    );
    let boundary = "-----------RubyMultipartPost-4f3b9a1c0e5d6f7a8b9c0d1e2f3a4b5c";
    by(
        "ruby-multipart-post",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            FIELD,
            "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\nContent-Length: 4\r\nContent-Type: audio/wav\r\nContent-Transfer-Encoding: binary",
        ) + "\r\n",
    );
    of_scripts(by);
}

fn of_scripts(by: impl Fn(&str, &str, String)) {
    let boundary = "9f05035496a13cfbcfd85e8a5d8f7767";
    let content_type = format!("multipart/form-data; boundary={boundary}");
    for (writer, name) in [
        ("python-requests", "filename=\"a %22b%22 ü.wav\""),
        (
            "python-requests-old",
            "filename*=utf-8''a%20%22b%22%20%C3%BC.wav",
        ),
        ("python-httpx", "filename=\"a %22b\\\\c%22 ü.wav\""),
    ] {
        let file = format!(
            "Content-Disposition: form-data; name=\"file\"; {name}\r\nContent-Type: audio/wav"
        );
        by(writer, &content_type, two(boundary, FIELD, &file));
    }
    by(
        "python-aiohttp",
        &content_type,
        two(
            boundary,
            &format!("Content-Type: text/plain; charset=utf-8\r\n{FIELD}"),
            "Content-Type: audio/wav\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a%20%22b%22%20%C3%BC.wav\"",
        ),
    );
    let boundary = "------------------------f7261e9575de7ac4";
    let content_type = format!("multipart/form-data; boundary={boundary}");
    for (writer, name) in [("curl", "a %22b%22.wav"), ("curl-old", "a \\\"b\\\".wav")] {
        let file = format!(
            "Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: audio/wav"
        );
        by(writer, &content_type, two(boundary, FIELD, &file));
    }
    let file = "Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22 ü.wav\"\r\nContent-Type: audio/wav";
    for (writer, boundary) in [
        (
            "node-form-data",
            "--------------------------8cb191450a42be471f98e27b",
        ),
        ("node-fetch", "----formdata-undici-089529192296"),
        ("browser", "----WebKitFormBoundary7MA4YWxkTrZu0gW"),
    ] {
        let content_type = format!("multipart/form-data; boundary={boundary}");
        by(writer, &content_type, two(boundary, FIELD, file));
    }
    let boundary = "----AzSDKFormBoundaryc08a1fbc-a3e2-4452-bd04-75ffb4403dba";
    by(
        "azure-sdk-for-js",
        &format!("multipart/form-data; boundary={boundary}"),
        two(boundary, FIELD, file) + "\r\n",
    );
    let boundary = "dart-http-boundary-0Cy_9OeFHjLFk3jZ2Tu6mNXwJDgqXk0GrqC4bH8WEOSKVQxqPhl";
    by(
        "dart",
        &format!("multipart/form-data; boundary={boundary}"),
        two(
            boundary,
            "content-disposition: form-data; name=\"model\"\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-transfer-encoding: binary",
            "content-type: audio/wav\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a %22b%22.wav\"",
        ),
    );
    let boundary = "X";
    by(
        "hand-with-a-line-before",
        &format!("multipart/form-data; boundary={boundary}"),
        format!("\r\n{}", two(boundary, FIELD, file)),
    );
}

/// More that is legal.
fn legal() {
    let put = |name: &str, parts: &str| {
        let body = format!("{parts}--XX--\r\n");
        put(name, "multipart/form-data; boundary=XX", body);
    };
    put("good-empty", "");
    put(
        "good-list",
        "--XX\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"a.png\"\r\nContent-Type: image/png\r\n\r\n\0\r\n--X\r\n\r\n--XX\r\nContent-Disposition: form-data; name=\"image[]\"; filename=\"b.png\"\r\n\r\n\r\n--XX\r\nContent-Disposition: form-data; name=\"prompt\"\r\n\r\nGrüße\r\n",
    );
    put(
        "good-file-without-a-name",
        "--XX\r\nContent-Disposition: form-data; name=file\r\nContent-Type: application/octet-stream\r\n\r\nRIFF\r\n",
    );
    put(
        "good-other-headers",
        "--XX\r\nContent-ID: <1>\r\nX-Other: a: b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n",
    );
    put(
        "good-folders",
        "--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"C:\\audio\\a;b=.wav\"\r\n\r\n1\r\n",
    );
}

fn hostile() {
    const MODEL: &str = "--XX\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\na\r\n";
    let end = |parts: &str| format!("{parts}--XX--\r\n");
    let put = |name: &str, body: &str| put(name, "multipart/form-data; boundary=XX", body);
    let with = |header: &str| end(&MODEL.replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n")));
    put("preamble", &format!("text\r\n{}", end(MODEL)));
    put("epilogue", &format!("{}text", end(MODEL)));
    put("second-form-behind", &end(MODEL).repeat(2));
    put("line-feeds", &end(MODEL).replace("\r\n", "\n"));
    put("carriage-returns", &end(MODEL).replace("\r\n", "\r"));
    put(
        "space-after-the-boundary",
        &end(MODEL).replacen("XX\r", "XX \r", 1),
    );
    put("no-end", MODEL);
    put(
        "boundary-in-the-content",
        &end(&MODEL.replace("\r\na", "\r\na --XX b")),
    );
    put(
        "part-behind-a-line-feed",
        &end(&MODEL.replace(
            "\r\na",
            "\r\na\n--XX\nContent-Disposition: form-data; name=\"model\"\n\nb",
        )),
    );
    put(
        "longer-boundary",
        &end(MODEL).replacen("--XX\r", "--XXY\r", 1),
    );
    put(
        "folded-header",
        &end(&MODEL.replace("; name", ";\r\n name")),
    );
    put(
        "header-behind-a-carriage-return",
        &with("X: a\rContent-Disposition: form-data; name=\"b\""),
    );
    put(
        "two-dispositions",
        &with("Content-Disposition: form-data; name=\"b\""),
    );
    put("base64", &with("Content-Transfer-Encoding: base64"));
    put("gzip", &with("Content-Encoding: gzip"));
    put("other-length", &with("Content-Length: 2"));
    put(
        "nested",
        &with("Content-Type: multipart/mixed; boundary=YY"),
    );
    put("utf-16", &with("Content-Type: text/plain; charset=utf-16"));
    put("charset-field", &end(&MODEL.replace("model", "_charset_")));
    put(
        "name-twice",
        &end(&MODEL.replace("name=", "name=\"b\"; name=")),
    );
    put(
        "extended-name",
        &end(&MODEL.replace("name=", "name*=utf-8''b; name=")),
    );
    put("escaped-name", &end(&MODEL.replace("model", "mo\\\"del")));
    put(
        "percent-in-a-name",
        &end(&MODEL.replace("model", "mo%64el")),
    );
    put("open-quote", &end(&MODEL.replace("model\"", "model\\\"")));
    put(
        "quote-in-a-name-of-a-file",
        &end(&MODEL.replace("name=", "filename=\"a \"b\".wav\"; name=")),
    );
    put(
        "line-in-a-name-of-a-file",
        &end(&MODEL.replace("name=", "filename*=utf-8''a%0d%0aX:b; name=")),
    );
    put("no-headers", &end("--XX\r\n\r\na\r\n"));
    put("other-boundary", &end(MODEL).replace("XX", "YY"));
    put("empty", "");
    seed("form", "no-line", "multipart/form-data; boundary=XX");
    seed("form", "json", "application/json\n{}");
    seed(
        "form",
        "two-boundaries",
        format!(
            "multipart/form-data; boundary=XX; boundary=YY\n{}",
            end(MODEL)
        ),
    );
    seed(
        "form",
        "not-utf8",
        [
            b"multipart/form-data; boundary=XX\n",
            MODEL.replace("\r\na", "\r\n").as_bytes(),
            b"\xff\r\n--XX--",
        ]
        .concat(),
    );
}
