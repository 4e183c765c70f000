//! What must not be shown, whoever says it.

use std::fmt;

use super::{Endpoint, Headers};

/// The values of headers and of an endpoint's query. Some servers quote in their answers what they
/// were sent.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Vec<String>);

/// What is shorter says too little to be a secret, and stands in too many other words.
const SHORTEST: usize = 6;
/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

impl Secrets {
    pub(crate) fn of(headers: &Headers, endpoint: &Endpoint) -> Self {
        let values = headers.iter().map(|(_, value)| value);
        // A server may quote the token of `Bearer TOKEN` alone.
        let words = headers.iter().flat_map(|(_, value)| value.split(' '));
        let query = endpoint.uri().query().unwrap_or_default();
        let query = query.split('&').filter_map(|pair| pair.split_once('='));
        let all = values.chain(words).chain(query.map(|(_, value)| value));
        let all = all.map(str::trim).filter(|text| text.len() >= SHORTEST);
        let mut all: Vec<String> = all.map(str::to_owned).collect();
        // The longest first, so that nothing is left of one that holds another.
        all.sort_by_key(|text| std::cmp::Reverse(text.len()));
        all.dedup();
        Self(all)
    }

    /// Takes the secrets out of a text.
    pub(crate) fn hide(&self, text: String) -> String {
        let mut text = text;
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                text = text.replace(secret.as_str(), HIDDEN);
            }
            if let Some(shown) = before_cut(&text, secret) {
                text = format!("{shown}{HIDDEN}…");
            }
        }
        text
    }
}

/// What comes before the head of a secret that a text was cut in.
fn before_cut<'t>(text: &'t str, secret: &str) -> Option<&'t str> {
    let kept = text.strip_suffix('…')?;
    let heads = secret.char_indices().map(|(at, _)| &secret[..at]);
    let mut heads = heads.filter(|head| head.len() >= SHORTEST).rev();
    heads.find_map(|head| kept.strip_suffix(head))
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} secrets", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_hidden_whole_by_its_words_and_where_it_was_cut() {
        let secrets = Secrets(vec!["Bearer t0ps3cret".into(), "t0ps3cret".into()]);
        for (said, shown) in [
            ("no Bearer t0ps3cret here", "no [hidden] here"),
            ("(t0ps3cret)(t0ps3cret)", "([hidden])([hidden])"),
            ("it was t0ps3cr…", "it was [hidden]…"),
            ("it was Bearer t0…", "it was [hidden]…"),
            ("it was t0ps3cr", "it was t0ps3cr"),
            ("nothing…", "nothing…"),
        ] {
            assert_eq!(secrets.hide(said.to_owned()), shown);
        }
        assert_eq!(format!("{secrets:?}"), "2 secrets");
    }
}
