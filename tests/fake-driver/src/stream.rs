//! Streams as queues, events, and the capture of graphs.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::session::Order;
use crate::state::{Handle, State};
use crate::status::{Outcome, Status};
use crate::work::Work;

/// Whom a capture forbids calls that might wait for it (`CUstreamCaptureMode`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CaptureMode {
    Global,
    ThreadLocal,
    Relaxed,
}

/// A stream's part in a capture.
#[derive(Clone, Debug)]
pub(crate) struct Capture {
    /// The stream that the capture began on.
    pub origin: Handle,
    pub mode: CaptureMode,
    pub thread: std::thread::ThreadId,
    /// What was captured, in the order it was submitted; only the origin's is used.
    work: Vec<Work>,
    invalid: bool,
    /// Work of this stream that the origin has not waited for yet.
    unjoined: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub queue: VecDeque<Work>,
    pub capture: Option<Capture>,
}

#[derive(Debug, Default)]
pub(crate) struct Event {
    stream: Handle,
    /// How often it was recorded, and which record has run.
    pub recorded: u64,
    pub done: u64,
    /// The capture it was last recorded in: the origin's stream.
    captured: Option<Handle>,
}

impl State {
    /// Puts work on a stream, or into the graph that the stream captures.
    pub fn submit(&mut self, stream: Handle, work: Work) -> Outcome {
        let at_once = self.settings.order == Order::AtOnce;
        let queue = self.stream(stream)?;
        if let Some(capture) = &mut queue.capture {
            let origin = capture.origin;
            capture.unjoined = origin != stream;
            if let Some(capture) = self.streams.get_mut(&origin).and_then(|origin| origin.capture.as_mut()) {
                capture.work.push(work);
            }
            return Ok(());
        }
        queue.queue.push_back(work);
        if at_once { self.run_stream(stream) } else { Ok(()) }
    }

    /// Runs all that is on a stream.
    pub fn run_stream(&mut self, stream: Handle) -> Outcome {
        if self.settings.order == Order::OthersFirst {
            let others = self.sorted_streams().into_iter().filter(|&other| other != stream);
            for other in others.collect::<Vec<_>>() {
                self.run_until(other, |_| false)?;
            }
        }
        self.run_until(stream, |_| false)
    }

    pub fn run_all(&mut self) -> Outcome {
        self.sorted_streams().into_iter().try_for_each(|stream| self.run_stream(stream))
    }

    fn sorted_streams(&self) -> Vec<Handle> {
        let mut streams: Vec<Handle> = self.streams.keys().copied().collect();
        streams.sort_unstable();
        streams
    }

    /// Runs a stream up to a record of an event.
    pub fn run_to_event(&mut self, event: Handle, record: u64) -> Outcome {
        let Some(stream) = self.events.get(&event).map(|event| event.stream) else { return Ok(()) };
        self.run_until(stream, |state| state.events.get(&event).is_none_or(|event| event.done >= record))
    }

    fn run_until(&mut self, stream: Handle, done: impl Fn(&Self) -> bool) -> Outcome {
        loop {
            if let Some(status) = self.lost {
                return Err(status);
            }
            if done(self) {
                return Ok(());
            }
            let next = self.streams.get_mut(&stream).and_then(|stream| stream.queue.pop_front());
            let Some(work) = next else { return Ok(()) };
            if let Err(status) = self.run(work) {
                self.lost = Some(status);
                return Err(status);
            }
        }
    }

    /// A call that waits for a stream, or may.
    ///
    /// # Errors
    /// If that stream captures, or a capture elsewhere forbids such calls; the capture then is invalid.
    pub fn forbid_capture(&mut self, stream: Option<Handle>, call: &str) -> Outcome {
        let thread = std::thread::current().id();
        let mut forbidden = false;
        for (&handle, other) in &mut self.streams {
            let Some(capture) = &mut other.capture else { continue };
            let applies = match capture.mode {
                CaptureMode::Global => true,
                CaptureMode::ThreadLocal => capture.thread == thread,
                CaptureMode::Relaxed => false,
            };
            if applies || stream == Some(handle) {
                capture.invalid = true;
                forbidden = true;
            }
        }
        if forbidden {
            let report = format!("{call} while a stream captures");
            return self.refuse(Status::STREAM_CAPTURE_UNSUPPORTED, report);
        }
        Ok(())
    }

    pub fn begin_capture(&mut self, handle: Handle, mode: CaptureMode) -> Outcome {
        if handle == 0 {
            return self.refuse(Status::STREAM_CAPTURE_UNSUPPORTED, "capture of the default stream");
        }
        let stream = self.stream(handle)?;
        if stream.capture.is_some() {
            return Err(Status::INVALID_VALUE);
        }
        let thread = std::thread::current().id();
        stream.capture =
            Some(Capture { origin: handle, mode, thread, work: Vec::new(), invalid: false, unjoined: false });
        Ok(())
    }

    pub fn end_capture(&mut self, handle: Handle) -> Outcome<Handle> {
        let origin = self.stream(handle)?.capture.as_ref().map(|capture| capture.origin);
        match origin {
            None => return Err(Status::INVALID_VALUE),
            Some(origin) if origin != handle => return Err(Status::STREAM_CAPTURE_UNMATCHED),
            _ => {}
        }
        let (mut work, mut invalid, mut unjoined) = (Vec::new(), false, false);
        for (other, stream) in &mut self.streams {
            if stream.capture.as_ref().is_none_or(|capture| capture.origin != handle) {
                continue;
            }
            if let Some(capture) = stream.capture.take() {
                invalid |= capture.invalid;
                unjoined |= capture.unjoined;
                if *other == handle {
                    work = capture.work;
                }
            }
        }
        if invalid {
            return Err(Status::STREAM_CAPTURE_INVALIDATED);
        }
        if unjoined {
            return self.refuse(
                Status::STREAM_CAPTURE_UNJOINED,
                "a stream that joined the capture was not waited for before its end",
            );
        }
        let graph = self.handle();
        self.graphs.insert(graph, Arc::new(work));
        Ok(graph)
    }

    pub fn record(&mut self, event: Handle, stream: Handle) -> Outcome {
        let origin = self.stream(stream)?.capture.as_ref().map(|capture| capture.origin);
        let recorded = self.events.get_mut(&event).ok_or(Status::INVALID_HANDLE)?;
        recorded.stream = stream;
        recorded.captured = origin;
        if origin.is_some() {
            return Ok(());
        }
        recorded.recorded += 1;
        let record = recorded.recorded;
        self.submit(stream, Work::Record { event, record })
    }

    /// Lets a stream wait for an event; one that was recorded in a capture draws the stream into it.
    pub fn wait(&mut self, stream: Handle, event: Handle) -> Outcome {
        let awaited = self.events.get(&event).ok_or(Status::INVALID_HANDLE)?;
        let (from, record, captured) = (awaited.stream, awaited.recorded, awaited.captured);
        let own = self.stream(stream)?.capture.as_ref().map(|capture| capture.origin);
        match (own, captured) {
            (None, None) => self.submit(stream, Work::Wait { event, record }),
            (Some(_), None) => {
                if let Some(capture) = &mut self.stream(stream)?.capture {
                    capture.invalid = true;
                }
                self.refuse(
                    Status::STREAM_CAPTURE_ISOLATION,
                    "a capturing stream waits for an event that was recorded outside the capture",
                )
            }
            (None, Some(origin)) => {
                let Some(capture) = self.stream(origin)?.capture.clone() else {
                    return Err(Status::CAPTURED_EVENT);
                };
                self.stream(stream)?.capture = Some(Capture { work: Vec::new(), unjoined: true, ..capture });
                Ok(())
            }
            (Some(own), Some(origin)) if own == origin => {
                if let Some(capture) = self.streams.get_mut(&from).and_then(|from| from.capture.as_mut()) {
                    capture.unjoined = false;
                }
                Ok(())
            }
            _ => self.refuse(Status::STREAM_CAPTURE_ISOLATION, "an event of another capture"),
        }
    }
}
