//! The steps of each profile: what a caller sends, one request after the other.

use std::collections::VecDeque;

use crate::{message::Era, profile::Profile};

/// One request of a caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// The handshake: `initialize`, or `server/discover`.
    Connect,
    Initialized,
    Call,
    /// One page of a list, from a cursor.
    List(&'static str, Option<String>),
    Listen,
    /// DELETE of the session.
    Delete,
    /// `server/discover` over a connection that is closed afterwards.
    OneConnection,
    Hostile(Attack),
}

/// A request of a hostile caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    InvalidJson,
    UnknownMethod,
    UnknownTool,
    /// A session that does not exist; without sessions, a header that contradicts the body.
    WrongSession,
    HugeBody,
}

const LISTS: [&str; 4] = [
    "tools/list",
    "resources/list",
    "resources/templates/list",
    "prompts/list",
];

/// One hostile request in so many has a huge body.
const HUGE_EVERY: u64 = 50;

/// The steps of a caller. `calls` is the number of tool calls of an agent, `number` counts callers.
pub(crate) fn steps(profile: Profile, era: Era, calls: usize, number: u64) -> VecDeque<Step> {
    let connect = || match era {
        Era::Legacy => vec![Step::Connect, Step::Initialized],
        Era::Modern => vec![Step::Connect],
    };
    let leave = || match era {
        Era::Legacy => vec![Step::Delete],
        Era::Modern => Vec::new(),
    };
    let list = |method| Step::List(method, None);
    let steps = match profile {
        Profile::Agent => {
            let work = [list("tools/list")].into_iter();
            let work = work.chain(std::iter::repeat_n(Step::Call, calls));
            [connect(), work.collect(), leave()].concat()
        }
        // Its session is open already.
        Profile::Hammer => vec![Step::Call],
        Profile::Lister => [connect(), LISTS.map(list).to_vec(), leave()].concat(),
        Profile::Listener => match era {
            Era::Legacy => [connect(), vec![Step::Listen], leave()].concat(),
            Era::Modern => vec![Step::Listen],
        },
        Profile::Churn => match era {
            Era::Legacy => vec![Step::Connect, Step::Delete],
            Era::Modern => vec![Step::OneConnection],
        },
        Profile::Hostile => vec![Step::Hostile(attack(number))],
    };
    steps.into()
}

fn attack(number: u64) -> Attack {
    match number % HUGE_EVERY {
        0 => Attack::HugeBody,
        number => match number % 4 {
            0 => Attack::InvalidJson,
            1 => Attack::UnknownMethod,
            2 => Attack::UnknownTool,
            _ => Attack::WrongSession,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_are_opened_are_ended() {
        for profile in Profile::ALL {
            let legacy = steps(profile, Era::Legacy, 3, 1);
            let opens = legacy.contains(&Step::Connect);
            assert_eq!(opens, legacy.back() == Some(&Step::Delete), "{profile:?}");
            let modern = steps(profile, Era::Modern, 3, 1);
            assert!(!modern.contains(&Step::Delete), "{profile:?}");
            assert!(!modern.contains(&Step::Initialized), "{profile:?}");
        }
    }

    #[test]
    fn every_attack_is_made_and_huge_bodies_are_rare() {
        let attacks: Vec<_> = (0..HUGE_EVERY).map(attack).collect();
        let count = |attack| attacks.iter().filter(|made| **made == attack).count();
        assert_eq!(count(Attack::HugeBody), 1);
        for attack in [
            Attack::InvalidJson,
            Attack::UnknownMethod,
            Attack::UnknownTool,
            Attack::WrongSession,
        ] {
            assert!(count(attack) >= 12, "{attack:?}");
        }
    }
}
