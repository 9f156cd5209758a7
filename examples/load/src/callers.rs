//! The callers of a server: who sends the next request, and what becomes of its answer.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use fastrand::Rng;
use http::{HeaderValue, Method, Request, header::CONNECTION};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::{
    client::{Answer, Client, Stream, Unreachable},
    message::{Endpoint, Era, Message},
    profile::{Mix, Profile},
    record::Outcome,
    script::{Attack, Step, steps},
};

/// The length of a huge body, in bytes: above the limit of common servers.
const HUGE: usize = 5 * 1024 * 1024;

/// The behaviour of callers.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The shares of the profiles.
    pub mix: Mix,
    /// The eras; callers are of each in turn.
    pub eras: Vec<Era>,
    /// The tool that is called.
    pub tool: String,
    /// Its arguments.
    pub arguments: Value,
    /// The tool calls of an agent before it leaves, on average; each has another number of them.
    pub calls: usize,
    /// The pause of a caller between two requests.
    pub think: Duration,
    /// The most streams that listeners hold. The oldest is closed for a new one.
    pub max_streams: usize,
    /// Seed of the random numbers.
    pub seed: u64,
}

/// The callers of one server. Clones share them.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    client: Client,
    endpoint: Endpoint,
    settings: Settings,
    /// The session that all hammers and hostile callers of an era use.
    sessions: HashMap<Era, HeaderValue>,
    state: Mutex<State>,
    ids: AtomicU64,
    huge: Bytes,
}

#[derive(Debug)]
struct State {
    random: Rng,
    /// Callers made so far.
    made: u64,
    /// Callers that think, by profile, with the end of their pause; the longest waiting is in front.
    waiting: HashMap<Profile, VecDeque<(Instant, Caller)>>,
    /// Callers that hold a stream, the oldest in front.
    listening: VecDeque<(Caller, Stream)>,
}

#[derive(Debug)]
struct Caller {
    profile: Profile,
    era: Era,
    session: Option<HeaderValue>,
    steps: VecDeque<Step>,
}

impl Callers {
    /// Connects to a server, and opens the session that hammers use.
    ///
    /// # Errors
    /// When the server does not answer the handshake of each era.
    pub async fn connect(endpoint: Endpoint, settings: Settings) -> Result<Self, Unreachable> {
        let mut shared = Shared {
            client: Client::new(),
            endpoint,
            sessions: HashMap::new(),
            state: Mutex::new(State {
                random: Rng::with_seed(settings.seed),
                made: 0,
                waiting: HashMap::new(),
                listening: VecDeque::new(),
            }),
            settings,
            ids: AtomicU64::new(1),
            huge: Bytes::from(vec![b'x'; HUGE]),
        };
        for era in shared.settings.eras.clone() {
            shared.open_session(era).await?;
        }
        Ok(Self(Arc::new(shared)))
    }

    /// The next call: its profile, and a future that makes it.
    pub fn call(&self) -> (Profile, impl Future<Output = Outcome> + Send + use<>) {
        let shared = Arc::clone(&self.0);
        let profile = shared.settings.mix.pick(&mut shared.lock().random);
        let call = async move {
            let caller = shared.caller(profile);
            shared.step(caller).await
        };
        (profile, call)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open_session(&mut self, era: Era) -> Result<(), Unreachable> {
        let mut caller = Caller::new(Profile::Hammer, era, [Step::Connect].into());
        let request = self.request(&caller, &Step::Connect);
        let answer = self.client.check(request, Answer::result).await?;
        if era == Era::Legacy {
            caller.session = answer.session;
            let request = self.request(&caller, &Step::Initialized);
            self.client.check(request, Answer::accepted).await?;
        }
        self.sessions
            .extend(caller.session.map(|session| (era, session)));
        Ok(())
    }

    /// The caller that waits longest, if its pause is over, or a new one.
    fn caller(&self, profile: Profile) -> Caller {
        let mut state = self.lock();
        let waiting = state.waiting.entry(profile).or_default();
        let now = Instant::now();
        if waiting.front().is_some_and(|(until, _)| *until <= now)
            && let Some((_, caller)) = waiting.pop_front()
        {
            return caller;
        }
        let number = state.made;
        state.made += 1;
        let Settings { eras, calls, .. } = &self.settings;
        // Agents that began together are not to leave together.
        let calls = state.random.usize(0..=2 * calls);
        drop(state);
        let of_era = number / eras.len() as u64;
        let era = eras[usize::try_from(number).unwrap_or_default() % eras.len()];
        let mut caller = Caller::new(profile, era, steps(profile, era, calls, of_era));
        if matches!(profile, Profile::Hammer | Profile::Hostile) {
            caller.session = self.sessions.get(&era).cloned();
        }
        caller
    }

    /// Sends the next request of a caller.
    async fn step(&self, mut caller: Caller) -> Outcome {
        let Some(step) = caller.steps.pop_front() else {
            return Outcome::Wanted;
        };
        let request = self.request(&caller, &step);
        if step == Step::Listen {
            return match self.client.listen(request).await {
                Ok(stream) => {
                    self.hold(caller, stream);
                    Outcome::Wanted
                }
                Err(outcome) => outcome,
            };
        }
        let outcome = match self.client.send(request).await {
            Ok(answer) => caller.after(&step, &answer),
            // The server hung up before it was told all.
            Err(_) if step == Step::Hostile(Attack::HugeBody) => Outcome::Wanted,
            Err(lost) => return lost,
        };
        self.wait(caller);
        outcome
    }

    /// Lets a caller think, unless it has nothing left to do.
    fn wait(&self, caller: Caller) {
        if !caller.steps.is_empty() {
            let until = Instant::now() + self.settings.think;
            let mut state = self.lock();
            let waiting = state.waiting.entry(caller.profile).or_default();
            waiting.push_back((until, caller));
        }
    }

    /// Keeps a stream, and closes the oldest if there are too many.
    fn hold(&self, caller: Caller, stream: Stream) {
        let mut state = self.lock();
        state.listening.push_back((caller, stream));
        if state.listening.len() > self.settings.max_streams {
            let oldest = state.listening.pop_front();
            drop(state);
            if let Some((caller, _)) = oldest {
                self.wait(caller);
            }
        }
    }

    fn request(&self, caller: &Caller, step: &Step) -> Request<Full<Bytes>> {
        let (era, session) = (caller.era, caller.session.as_ref());
        let id = self.ids.fetch_add(1, Relaxed);
        let post = |message: &Message| self.endpoint.post(era, session, message);
        let discover = || Message::request(id, "server/discover");
        match step {
            Step::Connect if era == Era::Legacy => post(&Message::initialize(id)),
            Step::Connect => post(&discover()),
            Step::Initialized => post(&Message::initialized()),
            Step::Call => {
                let Settings {
                    tool, arguments, ..
                } = &self.settings;
                post(&Message::call(id, tool, arguments))
            }
            Step::List(method, cursor) => {
                let list = Message::request(id, method);
                post(&match cursor {
                    Some(cursor) => list.with("cursor", cursor.as_str()),
                    None => list,
                })
            }
            Step::Listen if era == Era::Legacy => self.endpoint.stream(session),
            Step::Listen => {
                let listen = Message::request(id, "subscriptions/listen");
                post(&listen.with("notifications", json!({ "toolsListChanged": true })))
            }
            Step::Delete => self
                .endpoint
                .http(Method::DELETE, era, session, Bytes::new()),
            Step::OneConnection => closing(post(&discover())),
            Step::Hostile(attack) => self.attack(*attack, id, era, session),
        }
    }

    fn attack(
        &self,
        attack: Attack,
        id: u64,
        era: Era,
        session: Option<&HeaderValue>,
    ) -> Request<Full<Bytes>> {
        let body = |body| self.endpoint.http(Method::POST, era, session, body);
        let nothing = json!({});
        match attack {
            Attack::InvalidJson => body(Bytes::from_static(b"{\"jsonrpc\":\"2.0\",\"id\":1,")),
            Attack::HugeBody => closing(body(self.huge.clone())),
            Attack::UnknownMethod => {
                let message = Message::request(id, "no/such/method");
                self.endpoint.post(era, session, &message)
            }
            Attack::UnknownTool => {
                let message = Message::call(id, "no_such_tool", &nothing);
                self.endpoint.post(era, session, &message)
            }
            Attack::WrongSession => {
                let message = Message::call(id, &self.settings.tool, &self.settings.arguments);
                let wrong = HeaderValue::from_static("no-such-session");
                match era {
                    Era::Legacy => self.endpoint.post(era, Some(&wrong), &message),
                    Era::Modern => {
                        let mut request = self.endpoint.post(era, None, &message);
                        request.headers_mut().insert("mcp-name", wrong);
                        request
                    }
                }
            }
        }
    }
}

/// A request whose connection is not used for another one.
fn closing(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let close = HeaderValue::from_static("close");
    request.headers_mut().insert(CONNECTION, close);
    request
}

impl Caller {
    fn new(profile: Profile, era: Era, steps: VecDeque<Step>) -> Self {
        Self {
            profile,
            era,
            session: None,
            steps,
        }
    }

    /// Notes what an answer changes, and returns the outcome of the step.
    fn after(&mut self, step: &Step, answer: &Answer) -> Outcome {
        match step {
            Step::Connect => {
                let outcome = answer.result();
                if outcome == Outcome::Wanted {
                    self.session.clone_from(&answer.session);
                } else {
                    // Without a handshake it leaves.
                    self.steps.clear();
                }
                outcome
            }
            Step::List(method, _) => {
                if let Some(cursor) = answer.next_cursor() {
                    let next = Step::List(method, Some(cursor.to_owned()));
                    self.steps.push_front(next);
                }
                answer.result()
            }
            Step::Call | Step::Listen | Step::OneConnection => answer.result(),
            Step::Initialized | Step::Delete => answer.accepted(),
            Step::Hostile(_) => answer.refused(),
        }
    }
}
