//! From events to lines: what tracing hands out, with the fields of the spans around it.

use std::cell::RefCell;

use jiff::Timestamp;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::line::{CurrentShape, Fields};
use super::queue::Queue;
use crate::console::Console;

/// A buffer that grew beyond this is given back after use: one line may be large, and there is a buffer for each thread.
const KEPT: usize = 64 * 1024;

/// Where lines go.
#[derive(Debug, Clone)]
pub(crate) enum Sink {
    /// At once, above the progress line: for a command that somebody waits for.
    Console(Console),
    /// To a queue: for a server.
    Queue(Queue),
}

/// Makes a line of each event.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) shape: CurrentShape,
    pub(crate) sink: Sink,
}

#[derive(Default)]
struct Buffers {
    fields: Fields,
    line: Vec<u8>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

impl Lines {
    fn write(&self, buffers: &mut Buffers, level: Level, fill: impl FnOnce(&mut Fields)) {
        let Buffers { fields, line } = buffers;
        fields.clear();
        line.clear();
        fill(fields);
        self.shape
            .get()
            .write(line, Timestamp::now(), level, fields);
        match &self.sink {
            Sink::Console(console) => console.tell(&String::from_utf8_lossy(line)),
            Sink::Queue(queue) => queue.push(line),
        }
        line.shrink_to(KEPT);
        fields.shrink_to(KEPT);
    }
}

impl<S> Layer<S> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let fill = |fields: &mut Fields| {
            let around = context.event_scope(event).into_iter();
            for span in around.flat_map(tracing_subscriber::registry::Scope::from_root) {
                if let Some(outer) = span.extensions().get::<Fields>() {
                    fields.extend(outer);
                }
            }
            event.record(fields);
        };
        let level = *event.metadata().level();
        BUFFERS.with(|buffers| match buffers.try_borrow_mut() {
            Ok(mut buffers) => self.write(&mut buffers, level, fill),
            // an event while another is written: a value that logs when it is printed, or a panic in such a value
            Err(_) => self.write(&mut Buffers::default(), level, fill),
        });
    }
}
