//! RFC 3339.

use std::io::Write;

/// Appends nanoseconds since the Unix epoch as RFC 3339 in UTC, such as
/// `2026-07-28T00:00:00.000000001Z`.
pub(crate) fn write_rfc3339(unix_nanos: i64, out: &mut Vec<u8>) {
    const DAY: i64 = 86_400;
    let seconds = unix_nanos.div_euclid(1_000_000_000);
    let nanos = unix_nanos.rem_euclid(1_000_000_000);
    let (days, of_day) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    // Writing into a vector cannot fail.
    let _ = write!(
        out,
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z"
    );
}

/// The date of a day since the Unix epoch, in the proleptic Gregorian calendar. Years begin in March
/// here, so that a leap day is the last of its year.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::write_rfc3339;

    #[test]
    fn known_moments_are_written_as_they_are() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000000007Z"),
            (951_782_400, "2000-02-29T00:00:00.000000007Z"),
            (1_785_196_800, "2026-07-28T00:00:00.000000007Z"),
            (4_107_542_399, "2100-02-28T23:59:59.000000007Z"),
            (-1, "1969-12-31T23:59:59.000000007Z"),
        ] {
            let mut out = Vec::new();
            write_rfc3339(seconds * 1_000_000_000 + 7, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
