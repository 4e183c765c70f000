//! Numbers by their bits, for state that is to come back as it was: a decimal form may not, and
//! infinities have none.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[expect(clippy::ref_option, reason = "serde passes a field by reference")]
pub(super) fn serialize<S: Serializer>(
    value: &Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    value.map(f64::to_bits).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<f64>, D::Error> {
    Ok(Option::<u64>::deserialize(deserializer)?.map(f64::from_bits))
}
