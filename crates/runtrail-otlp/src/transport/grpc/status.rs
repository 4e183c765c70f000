//! What a gRPC status means.

use std::error::Error;
use std::time::Duration;

use runtrail_otlp_wire::protobuf::Fields;
use tonic::{Code, Status};

use crate::send::{Answer, clean};

/// Reads the status of a call that failed.
pub(super) fn of(status: &Status, endpoint: &str) -> Answer {
    let said = clean(status.message());
    let reason = format!("{endpoint}: gRPC {:?}: {said}", status.code());
    // A certificate stays as it is, whatever code a connection that it ended is told under.
    if causes(status).any(is_bad_certificate) {
        return Answer::Refused(reason);
    }
    let after = retry_delay(status.details());
    match status.code() {
        Code::ResourceExhausted | Code::OutOfRange if is_about_size(&said) => {
            Answer::TooLarge(reason)
        }
        // Without a delay the server does not say that it will recover.
        Code::ResourceExhausted if after.is_none() => Answer::Refused(reason),
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::ResourceExhausted
        | Code::Unavailable
        | Code::DataLoss => Answer::Busy { after, reason },
        // A connection that broke has no code of the server's.
        Code::Unknown | Code::Internal if has_transport_error(status) => {
            of_connection(status, endpoint)
        }
        _ => Answer::Refused(reason),
    }
}

/// Reads the error of a connection.
pub(super) fn of_connection(error: &(dyn Error + 'static), endpoint: &str) -> Answer {
    let innermost = causes(error).last().unwrap_or(error);
    let reason = format!("{endpoint}: {}", clean(&innermost.to_string()));
    if causes(error).any(is_bad_certificate) {
        Answer::Refused(reason)
    } else {
        Answer::Busy {
            after: None,
            reason,
        }
    }
}

/// What caused an error, and what caused that.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}

fn is_bad_certificate(cause: &(dyn Error + 'static)) -> bool {
    cause
        .downcast_ref::<std::io::Error>()
        .and_then(|error| error.get_ref()?.downcast_ref::<rustls::Error>())
        .is_some_and(|error| matches!(error, rustls::Error::InvalidCertificate(_)))
}

fn has_transport_error(status: &Status) -> bool {
    causes(status)
        .any(|cause| cause.is::<tonic::transport::Error>() || cause.is::<std::io::Error>())
}

/// There is no code for "too large": servers say so in words.
fn is_about_size(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    let words = [
        "larger than",
        "too large",
        "too big",
        "message size",
        "max size",
        "length",
    ];
    words.iter().any(|word| message.contains(word))
}

/// The delay of a `google.rpc.RetryInfo` among the details of a `google.rpc.Status`.
fn retry_delay(details: &[u8]) -> Option<Duration> {
    let bytes_of = |message, wanted| {
        Fields::new(message)
            .map_while(Result::ok)
            .filter(move |(number, _)| *number == wanted)
            .filter_map(|(_, field)| field.bytes().ok())
    };
    bytes_of(details, 3).find_map(|any| {
        let is_retry = bytes_of(any, 1).any(|url| url.ends_with(b"/google.rpc.RetryInfo"));
        let info = bytes_of(any, 2).next().filter(|_| is_retry)?;
        let (mut seconds, mut nanos) = (0, 0);
        for (number, field) in Fields::new(bytes_of(info, 1).next()?).map_while(Result::ok) {
            match number {
                1 => seconds = field.varint().ok()?,
                2 => nanos = field.varint().ok()?,
                _ => {}
            }
        }
        Some(Duration::new(
            seconds.min(u64::from(u32::MAX)),
            nanos.min(999_999_999) as u32,
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `google.rpc.Status` with a `RetryInfo` of seven and a half seconds.
    fn busy() -> Vec<u8> {
        let delay = [&[0x08, 7, 0x10][..], &[0x80, 0xca, 0xb5, 0xee, 0x01]].concat();
        let info = [&[0x0a, delay.len() as u8][..], &delay].concat();
        let url = b"type.googleapis.com/google.rpc.RetryInfo";
        let any = [
            &[0x0a, url.len() as u8][..],
            url,
            &[0x12, info.len() as u8],
            &info,
        ]
        .concat();
        [&[0x1a, any.len() as u8][..], &any].concat()
    }

    #[test]
    fn a_delay_is_read_from_the_details() {
        assert_eq!(retry_delay(&busy()), Some(Duration::from_millis(7500)));
        assert_eq!(retry_delay(b""), None);
        assert_eq!(retry_delay(&busy()[..20]), None);
    }

    #[test]
    fn each_code_has_one_meaning() {
        let meaning = |code, message: &str, details: Vec<u8>| match of(
            &Status::with_details(code, message, details.into()),
            "e",
        ) {
            Answer::TooLarge(_) => "too large",
            Answer::Busy { after: Some(_), .. } => "wait",
            Answer::Busy { .. } => "again",
            Answer::Refused(_) => "never",
            other => panic!("{other:?}"),
        };
        let size = "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes";
        assert_eq!(meaning(Code::OutOfRange, size, vec![]), "too large");
        let size = "grpc: received message larger than max (5 vs. 4)";
        assert_eq!(meaning(Code::ResourceExhausted, size, vec![]), "too large");
        assert_eq!(meaning(Code::ResourceExhausted, "quota", vec![]), "never");
        assert_eq!(meaning(Code::ResourceExhausted, "quota", busy()), "wait");
        assert_eq!(meaning(Code::Unavailable, "", busy()), "wait");
        for code in [
            Code::Unavailable,
            Code::Aborted,
            Code::DataLoss,
            Code::DeadlineExceeded,
        ] {
            assert_eq!(meaning(code, "", vec![]), "again", "{code:?}");
        }
        for code in [
            Code::InvalidArgument,
            Code::Unauthenticated,
            Code::Unimplemented,
            Code::Unknown,
        ] {
            assert_eq!(meaning(code, "", vec![]), "never", "{code:?}");
        }
    }
}
