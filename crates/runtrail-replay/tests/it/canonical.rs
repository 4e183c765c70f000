//! Checksums of JSON values, against the vectors of RFC 8785 and others.

use runtrail_core::json::{RawJson, canonical};
use runtrail_replay::checksum_of;

fn raw(text: &str) -> RawJson<'_> {
    RawJson::parse(text).unwrap()
}

#[test]
fn the_example_of_rfc_8785() {
    // Section 3.2.2 and the result in section 3.2.3.
    let source = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let wanted = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(raw(source)), wanted);
    assert_eq!(
        checksum_of(raw(source)).to_string(),
        "sha256-jcs-1:2d5e01a318d0f0879ab568c4be289c8b1f64ef8921a53c6277d5e069978baacb"
    );
}

#[test]
fn the_doubles_of_rfc_8785_appendix_b() {
    for (bits, wanted) in [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5554, "333333333.33333325"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0x41b3_de43_5555_5556, "333333333.3333334"),
        (0x41b3_de43_5555_5557, "333333333.33333343"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
        (0x4314_3ff3_c1cb_0959, "1424953923781206.2"),
    ] {
        // With an exponent, so that it is no integer, which would be kept as it is written.
        let written = format!("{:e}", f64::from_bits(bits));
        assert_eq!(canonical(raw(&written)), wanted, "{written}");
    }
}

#[test]
fn integers_stay_exact_and_values_count_rather_than_how_they_are_written() {
    for (one, other) in [
        (r#"{"b":1,"a":"é"}"#, "{\"a\":\"\\u00e9\", \"b\":1}"),
        ("-0", "0"),
        ("-0.0", "0"),
        ("1.50e1", "15.0"),
        ("[1e2]", "[100.0]"),
        (r#""😀""#, r#""\ud83d\ude00""#),
        (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
    ] {
        assert_eq!(
            checksum_of(raw(one)),
            checksum_of(raw(other)),
            "{one} {other}"
        );
    }
    for (one, other) in [
        ("18446744073709551616", "18446744073709551617"),
        ("9007199254740993", "9007199254740992"),
        ("-9223372036854775809", "-9223372036854775808"),
        (r#""é""#, r#""é""#.replace('é', "e\u{301}").as_str()),
        ("1", "\"1\""),
        ("[]", "{}"),
    ] {
        assert_ne!(
            checksum_of(raw(one)),
            checksum_of(raw(other)),
            "{one} {other}"
        );
    }
}
