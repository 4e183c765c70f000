//! Sending: what goes together, what becomes of an answer, when to try again. No sockets here.

#[cfg(feature = "http")]
mod answer;
mod collect;
#[cfg(feature = "http")]
mod delivery;
mod form;
#[cfg(feature = "http")]
mod letters;
#[cfg(feature = "http")]
mod pace;
mod piece;
#[cfg(feature = "http")]
mod settings;

#[cfg(feature = "http")]
pub(crate) use answer::{Answer, HttpReply, of_http};
#[cfg(feature = "grpc")]
pub(crate) use answer::{clean, taken};
#[cfg(feature = "http")]
pub(crate) use collect::HARDER_CUTS;
pub(crate) use collect::{CollectLimits, Collector};
#[cfg(feature = "http")]
pub(crate) use delivery::{Delivery, Outcome, Step};
#[cfg(feature = "http")]
pub(crate) use form::Parts;
pub(crate) use form::{Form, Frame};
#[cfg(feature = "http")]
pub use letters::{DeadLetters, Relayed, relay_lines};
#[cfg(feature = "http")]
pub(crate) use pace::Pace;
pub(crate) use piece::Piece;
#[cfg(feature = "http")]
pub use settings::SendSettings;
