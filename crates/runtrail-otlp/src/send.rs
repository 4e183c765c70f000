//! Sending: what goes together, what becomes of an answer, when to try again. No sockets here.

#[cfg(feature = "http")]
mod answer;
mod collect;
#[cfg(feature = "http")]
mod delivery;
mod letters;
#[cfg(feature = "http")]
mod pace;
mod piece;
mod settings;

#[cfg(feature = "http")]
pub(crate) use answer::{Answer, HttpReply, of_http};
#[cfg(feature = "grpc")]
pub(crate) use answer::{clean, taken};
pub(crate) use collect::{CollectLimits, Collector, HARDER_CUTS};
#[cfg(feature = "http")]
pub(crate) use delivery::{Delivery, Outcome, Step};
pub use letters::{DeadLetters, Relayed, relay_lines};
#[cfg(feature = "http")]
pub(crate) use pace::Pace;
pub(crate) use piece::Piece;
pub use settings::SendSettings;
