//! Standard output of commands, of which somebody may read the beginning only.

use std::io::{self, ErrorKind, Stdout, Write};

/// What a shell says of a program that was ended because nobody reads what it prints: 128 and SIGPIPE's number.
const BROKEN_PIPE: i32 = 128 + 13;

/// Standard output. When nobody reads on, the command has nothing more to do, and ends without a word.
pub(super) struct Output(Stdout);

/// Standard output of a command; the service's own stays open whoever reads it.
pub(super) fn stdout() -> Output {
    Output(io::stdout())
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ending(self.0.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        ending(self.0.flush())
    }
}

fn ending<T>(outcome: io::Result<T>) -> io::Result<T> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(BROKEN_PIPE),
        outcome => outcome,
    }
}
