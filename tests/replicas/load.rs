//! Calls without a pause, each with an id of its own.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use serde_json::json;
use tokio::task::JoinSet;

use crate::caller::{Answer, Caller};

/// The principals; each has so many callers at once.
pub(crate) const KEYS: [&str; 2] = ["key-a", "key-b"];
const CALLERS: usize = 4;

/// Every so many calls, one of the tool that has a limit.
const LIMITED: usize = 8;

pub(crate) struct Load {
    state: Arc<State>,
    callers: JoinSet<()>,
}

#[derive(Default)]
struct State {
    is_over: AtomicBool,
    calls: Mutex<Vec<Call>>,
}

pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) key: &'static str,
    pub(crate) tool: &'static str,
    pub(crate) answer: Answer,
}

impl Load {
    pub(crate) fn start(url: &str) -> Self {
        let state = Arc::new(State::default());
        let mut callers = JoinSet::new();
        for (key, number) in KEYS
            .iter()
            .flat_map(|key| (0..CALLERS).map(move |n| (*key, n)))
        {
            let (state, url) = (Arc::clone(&state), url.to_owned());
            callers.spawn(async move { state.run(&url, key, number).await });
        }
        Self { state, callers }
    }

    /// The number of calls that these are.
    pub(crate) fn count(&self, is_counted: impl Fn(&Call) -> bool) -> usize {
        let calls = self.state.calls.lock().unwrap();
        calls.iter().filter(|call| is_counted(call)).count()
    }

    /// Waits for the calls in flight, and returns all.
    pub(crate) async fn stop(mut self) -> Vec<Call> {
        self.state.is_over.store(true, SeqCst);
        while let Some(ended) = self.callers.join_next().await {
            ended.unwrap();
        }
        std::mem::take(&mut *self.state.calls.lock().unwrap())
    }
}

impl State {
    async fn run(&self, url: &str, key: &'static str, number: usize) {
        let caller = Caller::new(key);
        let mut count = 0;
        while !self.is_over.load(SeqCst) {
            count += 1;
            let id = format!("{key}-{number}-{count}");
            let (tool, arguments) = match count % LIMITED {
                0 => ("echo", json!({ "text": id })),
                _ => ("sleep", json!({ "ms": 20 })),
            };
            let answer = caller.call(url, &id, tool, arguments).await;
            let call = Call {
                id,
                key,
                tool,
                answer,
            };
            self.calls.lock().unwrap().push(call);
        }
    }
}

impl Call {
    /// The code of the error; `None` for a result, and for a call without an answer.
    pub(crate) fn code(&self) -> Option<i64> {
        let messages = self.answer.messages();
        messages.first()?["error"]["code"].as_i64()
    }
}
