"""Defines texts at the borders of what Django accepts, and strategies that stay near them."""

import json

from hypothesis import strategies as st

INTEGERS = [
    "0", "1", "-1", "+1", "-0", "+0", "00", "007", "-07", " 12 ", "12 ", "\t5", "5\n", "1_000", "1__0", "_1",
    "1_", "١٢", "१२", "１２", "²", "1.0", "1.", ".5", "1,000", "1e3", "0x10", "0b1", "--1", "- 1", "1-", "32767",
    "32768", "-32768", "-32769", "2147483647", "2147483648", "-2147483648", "-2147483649",
    "9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809",
    "999999999999999999", "1000000000000000000", "1000000000000000001", "-1000000000000000001", "9" * 30,
    "9" * 5_000, "True", "12abc", "−1", "10", "7", "120", "121",
]  # fmt: skip
DECIMALS = [
    "1.5", "1.50", "5.100", "5.10", "1.005", "-0.00", "-0", "0.5", ".5", "5.", "00.5", "-.5", "+0.5", "1e3",
    "1E-2", "1e-3", "9999.99", "10000", "9999.999", "99999.9", "12345678.9", "NaN", "nan", "sNaN", "Infinity",
    "-inf", "inf", "1_0.5", "1_0", "١.٥", " 1.5", "1.5 ", "1.5\n", "1,5", "1.5.1", "0.125", "0.1250", "0.000",
    "1.000", "0", "1" * 20 + "." + "1" * 20, "1" * 21, "1e400", "-1e-400", "1e10000", "4.9e-324",
    "1e-05", "1E+99", "123456789012345e99", "1e-99", "0e5", "-0e5", "-0.0e-9", "-0.00", "1.5e5_0", "1e", "1e+",
    "+1.5", "1.e5", "0.1e1000", "0.14285714285714285", "1.7976931348623157e308", "1.7976931348623159e308", "0.1",
    "123456789012345678", "0.30000000000000004", "123456789012345.123456789012345", "-0.0", "0e0", "٣", "½", "$1",
    "1.50",
]  # fmt: skip
FLAGS = [
    "True", "False", "t", "f", "1", "0", "true", "TRUE", "T", "F", "yes", "no", "on", "off", " True", "True ",
    "t\n", "2", "None", "y",
]  # fmt: skip
DATES = [
    "2024-01-31", "2024-02-29", "2023-02-29", "1900-02-29", "2000-02-29", "2024-02-30", "2024-1-5", "2024-01-5",
    "20240131", "2024-W05-3", "2024-W05", "2024W053", "2024-031", "2024-01", "2024", "0001-01-01", "1-1-1",
    "0999-12-31", "1000-01-01", "9999-12-31", "10000-01-01", "0000-01-01", "-0001-01-01", "2024/01/31",
    "31.01.2024", "01/31/2024", " 2024-01-31", "2024-01-31 ", "2024-01-31\n", "2024-13-01", "2024-00-01",
    "2024-01-00", "2024-01-32", "２０２４-01-31", "٢٠٢٤-٠١-٣١", "2024-01-31T00:00:00", "2024-01-31 BC", "today",
    "now", "infinity", "-infinity", "epoch", "2024-01-31Z", "2024‐01‐31",
]  # fmt: skip
TIMES = [
    "12:34", "12:34:56", "12:34:56.7", "12:34:56.789", "12:34:56.123456", "12:34:56.1234567", "12:34:56,5",
    "00:00", "23:59:59", "23:59:59.999999", "23:59:59.9999999", "24:00", "24:00:00", "23:59:60", "23:60", "1:2",
    "1:02", "01:2", "12", "1234", "123456", "T12:34", "12:34Z", "12:34+01:00", "12:34 PM", "12:34:56 ",
    " 12:34", "12:34\n", "allballs", "now", "１２:34", "12:34:", "12:34:56.", "12:34:5.6", "-1:00",
]  # fmt: skip
OFFSETS = [
    "", "Z", "z", " Z", "+00:00", "-00:00", "+01:00", "-05:30", "+13:59", "+14:00", "-12:00", "+15:59",
    "+16:00", "+23:59", "-23:59", "+24:00", "+0100", "+01", " +01:00", "+01:00:30", "+1:00", " Europe/Paris",
    " EST", "+05:60",
]  # fmt: skip
MOMENTS = [
    *(f"{day}{gap}{time}" for day in ("2024-02-29", "2023-02-29") for gap in "T _" for time in TIMES[:9]),
    *(f"2024-01-31T12:34:56{offset}" for offset in OFFSETS),
    *(f"2024-01-31 12:34{offset}" for offset in OFFSETS),
    *(f"0001-01-01 00:00:00{offset}" for offset in OFFSETS),
    *(f"9999-12-31 23:59:59.999999{offset}" for offset in OFFSETS), "1000-01-01T00:00",
    *(f"2024-01-31 12:34:56.{'1234567890123'[:n]}{offset}" for n in range(14) for offset in ("", "Z", " +0530")),
    "1000-01-01T00:00+13:59", "20240131T123456", "20240131T123456Z", "2024-W05-3T12:34", "2024-01-31T12",
    "2024-01-31T24:00:00", "2024-01-31T24:00:00Z", "2024-01-31T23:59:60Z", "2016-12-31T23:59:60Z",
    "2024-1-5 1:02:03", "2024-01-31  12:34", "2024-01-31", "1706700000", "now",
]  # fmt: skip
DURATIONS = [
    "1", "1:00", "01:02:03", "1 01:02:03", "1 days, 0:00:01", "-1 00:00:01", "P1D", "PT1H", "P1Y", "-P1DT2H",
    "1.5", "1.5555555", "999999999 00:00:00", "9999999999 00:00:00", "P1W", "1 month", "٣", "-00:00:01",
    "1 day, 2:03:04", "1 day 02:03:04", "2 days 2:03:04", "2 days02:03:04", "2 day,02:03:04", "2  02:03:04",
    "0 00:00:00", "007 01:02:03", "24:00:00", "23:59:60", "59:59", "60:00", "1:2:3", "1:2", "01:02:03.1",
    "01:02:03.123456", "01:02:03.1234567", "01:02:03,5", "86399", "86400", "79999.999999", "80000", "90.", ".5", "007",
    "P", "PT", "P1DT", "P1DT2H3M4S", "PT23H59M59S", "PT24H", "PT60S", "PT90M", "PT1M2H", "PT1.5S", "P0D", "P01DT01H",
    "+P1D", "p1d", "P1DT2H3M4S\n", "01:02:03\n", "３ 01:02:03", "P٣D", "1000000 00:00:00", "1 day", "1 days, ",
    "-1 day, 23:59:59", "1 day, -01:02:03", "P-1D",
]  # fmt: skip
UUIDS = [
    "12345678-1234-5678-1234-567812345678", "12345678123456781234567812345678",
    "{12345678-1234-5678-1234-567812345678}", "urn:uuid:12345678-1234-5678-1234-567812345678",
    "ABCDEF00-1234-5678-1234-567812345678", "abcdef00-1234-5678-1234-567812345678",
    "1234567-81234-5678-1234-567812345678", "1-2345678-1234-5678-1234-567812345678",
    "12345678-1234-5678-1234-56781234567", "12345678-1234-5678-1234-5678123456789",
    "g2345678-1234-5678-1234-567812345678", " 12345678-1234-5678-1234-567812345678",
    "12345678-1234-5678-1234-567812345678\n", "１2345678-1234-5678-1234-567812345678", "0",
    "1_345678-1234-5678-1234-567812345678", "+2345678-1234-5678-1234-567812345678",
]  # fmt: skip
ADDRESSES = [
    "1.2.3.4", "01.2.3.4", "1.2.3", "256.1.1.1", "::1", "::FFFF:1.2.3.4", "::ffff:1.2.3.4", "fe80::1%eth0",
    "2001:DB8::1", "2001:db8:0:0:0:0:0:1", "1.2.3.4/32", " 1.2.3.4 ", "1.2.3.4\n", ":::", "12345::", "١.2.3.4",
    "0.0.0.0", "255.255.255.255", "00.0.0.0", "1.2.3.04", "1.2.3.4.5", "1.2.3.", "0x1.2.3.4", "1.2.3.-4", "1.2.3.+4",
    "::", "1::", "::1:2:3:4:5:6", "::1:2:3:4:5:6:7", "1:2:3:4:5:6::", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8", "1::2::3",
    "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7", "0:0:1::", "1:0:0:2::3", "1::0:2", "1:0::2", "0::1", "::0", "1::2:0:3",
    "1:0:2:0:3:0:4:0", "0:1:0:1:0:1:0:1", "1:0:0:2:3:4:5:6", "10::2", "1:20::3", "::ffff:0:1", "::FfFf:1:2", "::ffff",
    "::ffff:1", "::fffff", "0:0:0:0:0:ffff:1:2", "::01", "2001:0db8::1", "::1.2.3.4", "64:ff9b::1.2.3.4", "[::1]",
    "::1/128", "::1\n", "::g", "2001:db8::1%1", "１::1", "A:B:C:D:E:F:a:b",
]  # fmt: skip
DOCUMENTS = [
    '{"a": 1}', '{"a":1,"a":2}', '{"a": {"b": {"c": {"d": {"e": [[]]}}}}}', "[[[[[[1]]]]]]", "[1,]", "[,1]",
    '{"a":1,}', '{"a"}', "{1: 2}", "{'a': 1}", '{"a": 01}', '{"a": -0}', '{"a": -0.0}', "[1.50]", "[1.0]", "[0.10]",
    "[0.000001]", "[1e5]", "[1E400]", "[-1e-400]", "[12345678901234567890]", "[123456789012345678]",
    "[1.7976931348623157e308]", "[0.30000000000000004]", "[999999999.999999]", "[1.]", "[.5]", "[+1]", "[0x1]",
    "[1_0]", "[٣]", "[NaN]", "[Infinity]", "-Infinity", "[True]", "[nul]", "[truefalse]", "[1 2]", "[1][2]",
    "[[1][2]]", '"a""b"', '["a""b"]', '["a"1]', '{"a":[1]5}', "-[1]", "1.[2]", "[-[1]]", "0[1]", "[]0", '""',
    " \"\" ", '"a', 'a"', '"\\"', '"\\\\"', '"\\""', '"\\a"', '"\\/"', '"\\u00e9"', '"\\u0000"', '"\\u0001"',
    '"\\ud800"', '"\\udc00\\ud800"', '"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\\ud83dx"', '"\\\\ud800"',
    '"\\\\u0000"', '"\\ue000"', '"\\u12"', '"\\U0001F600"', '"tab\there"', '"line\nfeed"', '"\x7f"', '"\u2028"',
    '"😀"', "\t[ 1 ,\r\n2 ] ", "\xa0[1]", "\x0c[1]", "\ufeff[1]", "// c\n1", "null", " null", "[null]", "{}",
    " [ ] ", "[{}]", '{"": ""}', '{"a": ""}', '{"a" : [ ] }', "0", "-1", "00", "1 ", '{"a": 1}}',
    '{"a": 1}{"b": 2}', '[0, ""]', '{"": 0}', '[{"a": [{"b": [1, {"c": 0.14285714285714285}]}]}]',
    "[" * 2_000 + "]" * 2_000,
]  # fmt: skip
EMAILS = [
    "ann@example.com", "ANN@EXAMPLE.COM", "ann+tag@sub.example.co", "a.b-c_d@example.com", ".a@example.com",
    "a.@example.com", "a..b@example.com", "a@b", "a@localhost", "a@intranet", "a@[127.0.0.1]", "a@127.0.0.1",
    "a@-b.com", "a@b-.com", "a@b.c", "a@b.co", "a@b.c0m", "a@b.com.", "a@b.com\n", "\na@b.com", " a@b.com",
    "a@b.com ", "a b@c.com", '"a b"@c.com', "a@b@c.com", "ä@b.com", "a@ä.com", "a@xn--4ca.com", "a@b.xn--p1ai",
    "a@b_c.com", "a'b@c.com", "a!#$%&*/=?^`{|}~@b.com", "a" * 64 + "@example.com", "a" * 65 + "@example.com",
    "a" * 242 + "@example.com", "a" * 243 + "@example.com", "a@" + "b" * 63 + ".com", "a@" + "b" * 64 + ".com",
    "a@b." + "c" * 63, "a@b." + "c" * 64, "a@" + "b." * 120 + "com", "a-@b.com", "-a@b.com", "_@b.com",
    "a+@b.com", "+a@b.com", "a@b--c.com", "@b.com", "a@", "a@.com", "a@b..com", "ſ@b.com", "a@b.coK",
    "a@Example.COM", "a@EXAMPLE.c-M", "A@X.IO", "a@xn--p1ai.XN--P1AI", "a@b.CO\n", "a@" + "B" * 64 + ".COM",
]  # fmt: skip
URLS = [
    "http://example.com", "https://example.com/", "HTTP://EXAMPLE.COM", "ftp://example.com",
    "ftps://example.com/a", "example.com", "//example.com", "http://", "http:///a", "http://localhost",
    "http://localhost:8000/x", "http://127.0.0.1/", "http://[::1]/", "http://[::1", "http://example.com:80/",
    "http://example.com:99999/", "http://a:b@example.com/", "http://example.com/a b",
    "http://example.com/a?b=c#d", "http://example.com/%zz", "http://example.com/ä", "http://ä.com/",
    "http://example.com/\n", "http://example.com\n", "\thttp://example.com", "http://exa\nmple.com",
    "http://-a.com", "http://a-.com", "http://a.b", "http://a.bc", "http://a.b-", "http://a..com",
    "http://a.com.", "http://a_b.com", "javascript:alert(1)", "http://a.com/" + "x" * 200,
    "http://" + "a" * 63 + ".com", "http://" + "a" * 64 + ".com", "http://" + "a." * 90 + "com/",
    "http://" + "a" * 60 + "." + "b" * 60 + "." + "c" * 60 + ".com", "http://a.com/" + "x" * 187,
    "http://a.com/" + "x" * 188, "http://a.com//x", "http://a.com/../x", "https://a.com/=+-~%",
    "http://a.com?x", "http://a.com#x", "http://xn--4ca.com/", "http://1.2", "http://1.2.3.4.5/",
    "http://0x7f.1/", "https://Example.COM/A", "http://a.com/?q=1&r=a%20b#c", "http://a.com?q@b", "http://a.com#@b",
    "http://a.com/x:1;y,(z)*!$'", "http://a.com/[x]", "http://a.com/x\\y", "http://a.com/<x>", "http://a.com/x?[",
    "http://a.com:8/?x", "http://u@a.com/", "http://a.com?\n", "http://a.COM/?" + "x" * 186, "http://a.com??##//",
    "http://" + "a." * 125 + "com?x",
]  # fmt: skip
SLUGS = [
    "a-b_1", "A", "-", "_", "ä", "ａ", "a b", "a.b", "a\n", "\na", "12345678", "123456789", "a" * 50, "a" * 51,
    "١", "a\u0301", "ſ", "K",
]  # fmt: skip
CHOICES = [
    "a", "b", "c", "A", "B", "B ", " a", "a ", "ä", "a\u0308", "1", "2", "free", "paid", "FREE", "Plan.FREE",
    "Plan.PAID", "G", "one", "0123456789", "-1", "10", "zero", "1.5", "1.50", "1.500", "spam", "True",
]  # fmt: skip
TEXTS = [
    "", " ", "  ", "\t", "\n", "\r", "\r\n", "\0", "a\0", "\0a", "abcde", "abcdef", "abcde ", "abcd  ",
    "abcde\n", " abcde", "äöüßé", "äöüßéñ", "e\u0301" * 2, "e\u0301" * 3, "👩‍👩‍👧", "👍" * 5, "👍" * 6, "\ufeff",
    "\ufeffabc", "\u200b", "\u202e", "\u2028", "\x85", "\x1c", "\xa0", "\x7f", "\ue000", "\uffff", "\U0010ffff",
    "\\N", "\\.", "\\", "\\x00", '"', '""', "'", ",", "a,b", 'a"b', "NULL", "null", "None", "NA", "nan",
    "undefined", "{}", "[]", '{"a": 1}', "[1, 1.50, 1e400]", '{"a": NaN}', "NaN", '"\\u0000"', '"\\ud800"',
    "1 2", "İ", "ß", "ǅ", "ﬁ", "Σς", "ı", "ÿ", "aA", "\x00\x01", "<b>", "%s", "%", "=1+1", "@x", "+x", "-x",
    "ſ", "K", "abcd\0", "\ud800", "\udcff", "a\udfffb", "😀\ud83d",
]  # fmt: skip

KINDS = (
    INTEGERS, DECIMALS, FLAGS, DATES, TIMES, MOMENTS, DURATIONS, UUIDS, ADDRESSES, DOCUMENTS, EMAILS, URLS, SLUGS,
    CHOICES, TEXTS,
)  # fmt: skip
ALL = sorted({text for kind in KINDS for text in kind})

# What slips into texts in real files, and what parsers of many kinds take for something else.
INTRUDERS = [
    *" \t\n\r\0\x0b\x0c\x1c\x1f\x85\xa0\u2003\u200b\ufeff", "+", "-", "_", ".", ",", ":", "/", "T", "Z", "e",
    "E", "0", "9", "٣", "३", "５", "²", "ä", "ſ", "K", "é", "@", "%", '"', "\\", "𝟘",
]  # fmt: skip

digits = st.text("0123456789", min_size=1, max_size=20)
numbers = st.one_of(
    st.integers().map(str),
    st.integers(-(2**65), 2**65).map(str),
    st.integers(-140, 140).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=2).map(str),
    st.decimals().map(str),
    st.floats().map(str),
    st.from_regex(r"[-+]?[0-9]{0,6}\.?[0-9]{0,4}([eE][-+]?[0-9]{1,3})?", fullmatch=True),
    st.tuples(digits, digits).map(".".join),
)
day, clock = r"[0-2][0-9]{3}-[0-1]?[0-9]-[0-3]?[0-9]", r"[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?"
moments = st.one_of(
    st.dates().map(str),
    st.times().map(str),
    st.datetimes().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.tuples(st.datetimes().map(str), st.sampled_from(OFFSETS)).map("".join),
    st.timedeltas().map(str),
    st.from_regex(f"{day}([T ]{clock}(Z|[+-][0-2][0-9]:[0-6][0-9])?)?", fullmatch=True),
)
groups = st.sampled_from(["0", "1", "20", "ABcd", "ffff", "00", ""])
octets = st.sampled_from(["0", "1", "10", "199", "249", "255", "256", "01"])
addresses = st.one_of(
    st.ip_addresses().map(str),
    st.lists(groups, min_size=2, max_size=9).map(":".join),
    st.lists(octets, min_size=3, max_size=5).map(".".join),
    st.tuples(st.lists(groups, max_size=6).map(":".join), st.lists(groups, max_size=6).map(":".join)).map(
        "::".join
    ),
)
durations = st.one_of(
    st.timedeltas().map(str),
    st.from_regex(
        r"([0-9]{1,3} (days?,? ?)?)?[0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2})?(\.[0-9]{1,7})?", fullmatch=True
    ),
    st.from_regex(r"P([0-9]{1,2}D)?(T([0-9]{1,2}H)?([0-9]{1,2}M)?([0-9]{1,2}S)?)?", fullmatch=True),
    st.from_regex(r"[0-9]{1,6}(\.[0-9]{1,3})?", fullmatch=True),
)
values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.integers(-(2**70), 2**70),
        st.text(max_size=5),
    ),
    lambda parts: st.one_of(
        st.lists(parts, max_size=3), st.dictionaries(st.text(max_size=3), parts, max_size=3)
    ),
    max_leaves=12,
)
documents = st.builds(
    lambda value, ensure_ascii, separators, indent: json.dumps(
        value, ensure_ascii=ensure_ascii, separators=separators, indent=indent
    ),
    values,
    st.booleans(),
    st.sampled_from([None, (",", ":"), (" , ", " : ")]),
    st.sampled_from([None, None, 1, "\t"]),
)
names = st.one_of(
    st.emails(),
    st.from_regex(r"[a-z0-9.+_-]{1,6}@([a-zA-Z0-9-]{1,4}\.){1,3}[a-zA-Z]{1,4}", fullmatch=True),
    st.from_regex(
        r"https?://([a-zA-Z0-9-]{1,4}\.){1,3}[a-zA-Z-]{1,4}([/?#][a-zA-Z0-9%?#:@&. -]{0,6})?", fullmatch=True
    ),
    st.from_regex(r"[-a-zA-Z0-9_]{1,9}", fullmatch=True),
    st.uuids().map(str),
    st.uuids().map(lambda value: value.hex),
    st.ip_addresses().map(str),
)
# Without surrogates: no file, and so no batch, can hold them. (A judge that is asked all the same is tested apart.)
characters = st.characters(exclude_categories=["Cs"])
any_text = st.text(characters, max_size=12)
IN_FILES = [text for text in ALL if not any("\ud800" <= character <= "\udfff" for character in text)]
border = st.sampled_from(IN_FILES)


@st.composite
def damaged(draw: st.DrawFn, kind: st.SearchStrategy[str] | None = None) -> str:
    """Draw a border text, or another, with one insertion, deletion or doubling."""
    text = draw(st.one_of(border, numbers, moments, names) if kind is None else kind)
    place = draw(st.integers(0, len(text)))
    match draw(st.sampled_from(["insert", "insert", "cut", "double", "upper"])):
        case "insert":
            return text[:place] + draw(st.sampled_from(INTRUDERS)) + text[place:]
        case "cut":
            return text[:place] + text[place + 1 :]
        case "double":
            return text[:place] + text[place : place + 1] * 2 + text[place + 1 :]
        case _:
            return text.upper()


texts = st.one_of(border, numbers, moments, names, addresses, durations, documents, damaged(), any_text)
