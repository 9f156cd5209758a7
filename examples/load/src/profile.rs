//! The profiles of callers, and the shares that they have in a load.

use std::{fmt, str::FromStr};

use fastrand::Rng;
use serde::Serialize;

/// A kind of caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Connects, lists the tools, and calls one with pauses to think in between.
    Agent,
    /// Calls one tool, as fast as it is offered, over one session.
    Hammer,
    /// Reads all pages of all lists.
    Lister,
    /// Opens a stream of notifications and holds it.
    Listener,
    /// Opens a session and ends it; without sessions, opens a connection for one `server/discover`.
    Churn,
    /// Sends invalid JSON, unknown names, wrong sessions and huge bodies, and wants them refused.
    Hostile,
}

impl Profile {
    /// All profiles, in the order of reports.
    pub const ALL: [Self; 6] = [
        Self::Agent,
        Self::Hammer,
        Self::Lister,
        Self::Listener,
        Self::Churn,
        Self::Hostile,
    ];

    /// The name in flags and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Hammer => "hammer",
            Self::Lister => "lister",
            Self::Listener => "listener",
            Self::Churn => "churn",
            Self::Hostile => "hostile",
        }
    }
}

/// The shares of profiles, written as `agent=6,hammer=2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mix(Vec<(Profile, u32)>);

impl Mix {
    /// Draws a profile.
    pub(crate) fn pick(&self, random: &mut Rng) -> Profile {
        let all = self.0.iter().map(|(_, weight)| weight).sum();
        let mut left = random.u32(0..all);
        for (profile, weight) in &self.0 {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return *profile,
            }
        }
        self.0[0].0
    }
}

impl FromStr for Mix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |part: &str| {
            let (name, weight) = part.split_once('=').unwrap_or((part, "1"));
            let profile = Profile::ALL.into_iter().find(|known| known.name() == name);
            let profile = profile.ok_or_else(|| format!("unknown profile {name:?}"))?;
            let weight = weight.parse::<u16>().ok().filter(|weight| *weight > 0);
            let weight = weight.ok_or_else(|| format!("{part:?}: a weight is 1 to 65535"))?;
            Ok((profile, u32::from(weight)))
        };
        text.split(',')
            .map(read)
            .collect::<Result<_, String>>()
            .map(Self)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (profile, weight)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(formatter, "{comma}{}={weight}", profile.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mix_is_drawn_by_its_weights() {
        let mix: Mix = "agent=6,hammer=3,hostile".parse().unwrap();
        assert_eq!(mix.to_string(), "agent=6,hammer=3,hostile=1");
        let mut random = Rng::with_seed(7);
        let drawn: Vec<_> = (0..10_000).map(|_| mix.pick(&mut random)).collect();
        let count = |profile| drawn.iter().filter(|drawn| **drawn == profile).count();
        assert!((5_800..6_200).contains(&count(Profile::Agent)));
        assert!((2_800..3_200).contains(&count(Profile::Hammer)));
        assert!((850..1_150).contains(&count(Profile::Hostile)));
        assert_eq!(count(Profile::Lister), 0);
    }

    #[test]
    fn a_mix_that_cannot_be_read_is_an_error() {
        for text in ["", "agents=1", "agent=0", "agent=-1", "agent=x", "agent=1,"] {
            assert!(text.parse::<Mix>().is_err(), "{text}");
        }
    }
}
