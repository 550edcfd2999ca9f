//! The printing room: a bounded queue before threads that do nothing but print, off the async ones.
//!
//! What finds the queue full, or whose thread failed, is printed in its caller's own turn; so a
//! broken or a busy room slows printing down and never stops it. A printer that panics spoils its
//! own sheet only.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
};

use tokio::sync::{Semaphore, oneshot};

use super::{
    paper::Paper,
    press::{Press, PressError},
};

/// How many sheets wait at most.
const QUEUE: usize = 64;
/// How many threads print.
const THREADS: usize = 2;
/// How many sheets are printed outside of the queue at once.
const INLINE: usize = 4;

/// What prints. The press does; tests have others.
pub trait Printer: fmt::Debug + Send + Sync {
    /// The document as bytes.
    ///
    /// # Errors
    /// As [`Press::print`].
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError>;
}

impl Printer for Press {
    fn print(&self, paper: &Paper) -> Result<Vec<u8>, PressError> {
        self.print(paper)
    }
}

/// One sheet to print, and who waits for it.
struct Job {
    paper: Arc<Paper>,
    printer: Arc<dyn Printer>,
    reply: oneshot::Sender<Result<Vec<u8>, String>>,
}

/// Printing threads behind a queue; they start with the first sheet, and end with the room.
pub struct Room {
    capacity: usize,
    threads: usize,
    queue: OnceLock<Option<SyncSender<Job>>>,
    inline: Arc<Semaphore>,
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Room").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::of(QUEUE, THREADS)
    }
}

impl Room {
    /// A room of so many places in its queue and so many threads. Without threads nothing is taken
    /// from the queue; without places only a thread that waits takes a sheet.
    #[must_use]
    pub fn of(capacity: usize, threads: usize) -> Self {
        let inline = Arc::new(Semaphore::new(INLINE));
        Self { capacity, threads, queue: OnceLock::new(), inline }
    }

    /// Prints a sheet: by the queue, else in this turn.
    ///
    /// # Errors
    /// Why it could be printed in neither way, in words.
    pub async fn print(&self, printer: &Arc<dyn Printer>, paper: Paper) -> Result<Vec<u8>, String> {
        let paper = Arc::new(paper);
        match self.queued(printer, &paper).await {
            Some(Ok(bytes)) => return Ok(bytes),
            Some(Err(problem)) => {
                tracing::warn!(document = paper.id, problem, "a printing thread failed");
            }
            None => tracing::debug!(document = paper.id, "the printing queue is full"),
        }
        self.inline(printer, paper).await
    }

    /// By the queue; `None` where it is full or nobody works behind it.
    async fn queued(
        &self,
        printer: &Arc<dyn Printer>,
        paper: &Arc<Paper>,
    ) -> Option<Result<Vec<u8>, String>> {
        let queue = self.queue.get_or_init(|| self.open()).as_ref()?;
        let (reply, answer) = oneshot::channel();
        let job = Job { paper: paper.clone(), printer: printer.clone(), reply };
        queue.try_send(job).ok()?;
        // A thread that has gone takes the reply with it.
        answer.await.ok()
    }

    /// In the caller's turn. The place belongs to the printing and not to the caller: who goes away
    /// leaves a thread that prints still, and makes no room for another one.
    async fn inline(
        &self,
        printer: &Arc<dyn Printer>,
        paper: Arc<Paper>,
    ) -> Result<Vec<u8>, String> {
        let place = self.inline.clone().acquire_owned().await;
        let printer = printer.clone();
        let printed = tokio::task::spawn_blocking(move || {
            let _place = place;
            print(printer.as_ref(), &paper)
        });
        printed.await.unwrap_or_else(|_| Err("the printer was stopped".to_owned()))
    }

    /// Starts the threads; `None` where none could be started.
    fn open(&self) -> Option<SyncSender<Job>> {
        let (queue, jobs) = sync_channel(self.capacity);
        let jobs = Arc::new(Mutex::new(jobs));
        let started = (0..self.threads)
            .filter(|number| {
                let jobs = jobs.clone();
                let thread = std::thread::Builder::new().name(format!("printer {number}"));
                thread.spawn(move || work(&jobs)).is_ok()
            })
            .count();
        (started > 0).then_some(queue)
    }
}

/// Prints until the room is closed.
fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { paper, printer, reply }) = next else { return };
        // Whoever has gone away needs no sheet, nor an answer.
        if reply.is_closed() {
            continue;
        }
        let _ = reply.send(print(printer.as_ref(), &paper));
    }
}

fn print(printer: &dyn Printer, paper: &Paper) -> Result<Vec<u8>, String> {
    match catch_unwind(AssertUnwindSafe(|| printer.print(paper))) {
        Ok(printed) => printed.map_err(|error| error.to_string()),
        Err(_) => Err("the printer panicked".to_owned()),
    }
}
