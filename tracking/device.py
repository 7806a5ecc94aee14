"""Parses user agents and Client Hints into devices; the only module that knows the parser.

Browser and operating system come from ua-parser's rules, run by its Rust engine. The kind of device is decided here,
because those rules do not tell it: robots first, then televisions and consoles, tablets, phones and desktops. Client
Hints, if the browser sends them, correct what its frozen user agent no longer says.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain, load_lazy_builtins
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

# The part of a header that is read. Real ones are shorter; longer ones attack parsers and disk space.
READ_CHARACTERS = 512
# Distinct strings cached in each process. Browsers of one version share theirs, so a few thousand cover most of them.
CACHED_USER_AGENTS = 4_096
NAME_CHARACTERS = 60

DESKTOP, MOBILE, TABLET, BOT, OTHER = "desktop", "mobile", "tablet", "bot", "other"


@dataclass(frozen=True, slots=True)
class Device:
    """A device. `device_type` is "desktop", "mobile", "tablet", "bot" or "other"; unknown texts are empty.

    `browser_version` and `os_version` are "major.minor" or "major". Every text has at most 60 characters.
    """

    device_type: str
    browser: str = ""
    browser_version: str = ""
    os: str = ""
    os_version: str = ""


def parse_user_agent(text: str | None) -> Device:
    """Return the device of a User-Agent header. Never raises; an empty text or None is `Device("other")`.

    Reads the first 512 characters, and caches the results of 4,096 distinct texts per process.
    Sources: https://github.com/ua-parser/uap-core, https://github.com/monperrus/crawler-user-agents, and `RULES`.
    """
    text = (text or "")[:READ_CHARACTERS].replace("\0", "")
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()  # the engine cannot read half a surrogate pair
    return _parsed(text)


def parse_headers(headers: Mapping[str, str]) -> Device:
    """Return the device that sent these request headers, using its Client Hints as well."""
    device = parse_user_agent(headers.get("User-Agent"))
    return _with_hints(device, headers) if "Sec-CH-UA-Platform" in headers else device


# Patterns of each kind: alternatives in Rust's regular expression syntax, separated by blanks, with `\s` for a blank.
# Case is ignored. The first rule that matches decides. These rules come before the list of known crawlers: they match
# phones and televisions whose names look like robots.
EXCEPTIONS = (
    (
        MOBILE,
        r"""
        android.*\b(?:cubot|xbot) ^whatsapp/[0-9.]+\s(?:android|ios|[a-z]*phone) ucbrowser baiduboxapp viber ^iphone
        """,
    ),
    (
        TABLET,
        r"""
        ^apple-ipad ipad(?:\sapp|;) bot[\s_]tab
        """,
    ),
    (
        OTHER,
        r"""
        ^smarttv_ ^ipodtouch apple\s?tv ^xbmc ^airplay
        """,
    ),
)
# These rules come after it: robots, other devices (televisions, consoles, cars, watches), tablets, phones, desktops.
# Browsers on Android follow Google's rule: phones say "Mobile" and tablets do not. Other programs there say nothing.
RULES = (
    (
        BOT,
        r"""
        (?:bot|robot)s?(?:[/;:,)_.@-]|$) [a-z]bot[a-z]*/[0-9] crawl spider slurp scrap(?:e|y|ing) archiv(?:e|er|ing)
        indexer validator monitor probe scanner preview checker uptime headless phantomjs selenium puppeteer
        playwright lighthouse pingdom feed(?:fetcher|burner|parser|bin|demon|wrangler|er) \brss fetch(?:er)?\b
        \(\+?https?:// \+\s?https?:// ;\s?https?:// compatible;\s[^;)]*https?://
        [a-z0-9._-]+\s?(?:@|\[at\])\s?[a-z0-9-]+\.[a-z]{2,}
        ^(?:curl|wget|python|java/|php|perl|ruby|go-http|go\s|okhttp|node|axios|got\s|undici|libwww|lwp|apache-http|http)
        ^(?:aiohttp|requests|guzzle|postman|insomnia|rest-client|faraday|winhttp|mechanize|dart|deno|reactor|jakarta)
        urllib httpclient \bhttp_request analyzer \baudit \bping\b link\s?check \bseo\b domain health\s?check
        measurement pagespeed page\sspeed observatory prospect inspect survey research (?:infra|net|site)watch
        fingerprint intelligence ^[\w.!+-]+(?:/[\w.+-]+)?$ ^mozilla/\d\.\d\s\(compatible(?:;\s[^;()]*)?\)$
        """,
    ),
    (
        OTHER,
        r"""
        smart-?_?tv hbbtv google\s?tv android\s?tv apple\s?tv \btv\b netcast web0s webos\.?tv \broku \bcrkey
        chromecast \baft[a-z0-9]{1,6}\b bravia viera vizio vidaa dtv \bstb set.?top mi\s?box mi\s?tv nettv opera\stv
        ce-html philipstv maple\s?[26] inettvbrowser nexus\splayer tv\s?box whaletv freebox tizen.*\btv linux/smart
        shield\sandroid [a-z]tv\b nintendo playstation xbox \bwiiu?\b oculus \bpico\s?(?:neo|4) steamdeck
        steam\sgameoverlay \bpsp\b \bouya\b \bwatch sm-r\d{3} carplay tesla qtcarbrowser \baudi\b smart\s?display
        alexa echo\s?show portal\b google\shome
        (?:[\s_]box\b|tvbox|smart\sbox|box\spro|led\s?\d\d|\d\dled|uhd|\bx96|\bh96|\btx[0-9]\s?(?:pro|mini|max|s)\b|\bmxq|\ba95x)
        (?:_tv\b|\btv_|amcv\sshell|dexp\sshell|bbk\sshell|\bjvc\sshell|gt-?king|[2-8][0-9](?:fhd|lex_|ov[0-9]{4}))
        build/(?:ppr2\.|ptt[12]\.|opr5\.|rtt0\.|sttc|nhg47l|nmf26q|m5c14j) \sshell\s [\s_-]4k\b ugoos zidoo vontar
        polar(?:line)?[\s_-] nexon mystery openbox vinabox tv\s?stick brightsign yndx- linux\sarmv7l starwind vorke
        pendoo \b(?:24|32|39|40|42|43|49|50|55|58|65|70|75|85|86)[a-z]{1,4}\d{3,} tivo ticwatch freestyle_pcu sonos
        linux\smips chromium.*large\sscreen
        """,
    ),
    (
        DESKTOP,
        r"""
        chromebook inspiron latitude elitebook travelmate lifebook \bvostro \bthinkpad\s[a-z][0-9]
        satellite\s(?:pro|[a-z][0-9]) aspire\s windows\snt\s[0-9.]+.*tablet\spc darwin/.*(?:x86_64|i386|macintosh)
        \(?mac\s?os/ macos[,)\s(] mac_?book ;\sdesktop; openharmony.*windows
        """,
    ),
    (
        MOBILE,
        r"""
        coolpad tech\s?pad padfone klipad
        """,
    ),
    (
        TABLET,
        r"""
        ipad tablet \btab[\s-]?[0-9a-z]*\b kindle \bkf[a-z]{2,6}\b playbook touchpad \bpad\b [a-z]pad\b pad\s?\d
        nexus\s(?:7|9|10)\b \bsm-[txp]\d{2,3} \bgt-p\d \bgt-n(?:5|8)\d \bsgp\d sch-i800 xoom \btb-?[0-9x] \byt\d?-
        pixel\s(?:c|tablet)\b \blg-v\d \bvk\d{3} \bme\d{3} \bp0[0-2][0-9a-z]\b \btf\d{3} \ba1-\d{3} \bb1-[78]\d
        \bb3-a\d iconia \bbnt[v0-9] \bnook\b
        \b(?:ags\d?|agr|agrk|bah\d?|kob\d?|jdn2|dby|scm|scmr|mrx|mrr|sht|wgr|btk|got|vrd|bzt\d?|bzi|s8-701|t1|xyao)-[awl][0-9]
        \bmid[0-9-] pocketbook \bpmt[0-9] optima\s plane\s \bmfc[0-9] tab[0-9] yandexsearch.*/apad
        yaapp_android.*/apad iplay_?[0-9\s] \bopd[0-9]{4} \bbq-?(?:ru-)?(?:7|8|1)0?[0-9]{2,3}[gl]\b oysters\st[0-9]
        readboy
        """,
    ),
    (
        MOBILE,
        r"""
        android.*mobile mobile.*android opera\smobi opera\smini
        """,
    ),
    (
        TABLET,
        r"""
        android.*(?:safari|firefox)
        """,
    ),
    (
        MOBILE,
        r"""
        android mobile iphone ipod phone blackberry \bbb10 opera\sm(?:ini|obi) midp cldc symbian series\s?[46]0
        webos palm j2me ucweb ucbrowser nokia maui brew bada docomo kddi up\.browser netfront obigo fennec \bwap
        kaios \bpda\b sonyericsson samsung- ^(?:lg|sec|mot|zte|huawei|htc|alcatel|samsung)[-/\s] windows\sce harmony
        darwin/ cfnetwork lumia
        """,
    ),
    (
        DESKTOP,
        r"""
        windows \bwin(?:9[58x]|nt|32|64)\b macintosh mac\sos\sx mac_powerpc x11 x86_64 \bcros\b ubuntu fedora debian
        [a-z]bsd sunos solaris irix \baix\b hp-ux beos haiku os/2 amiga morphos risc\s?os linux
        """,
    ),
)


@lru_cache(maxsize=CACHED_USER_AGENTS)
def _parsed(text: str) -> Device:
    if not text:
        return Device(OTHER)
    names = _names()(text, Domain.USER_AGENT | Domain.OS)
    kind = _kinds()(text, Domain.USER_AGENT).user_agent
    browser, os = names.user_agent, names.os
    return Device(
        device_type=kind.family if kind else OTHER,
        browser=browser.family[:NAME_CHARACTERS] if browser else "",
        browser_version=_version(browser.major, browser.minor) if browser else "",
        os=os.family[:NAME_CHARACTERS] if os else "",
        os_version=_version(os.major, os.minor) if os else "",
    )


def _version(major: str | None, minor: str | None) -> str:
    return ".".join(part for part in (major, minor) if part)[:NAME_CHARACTERS]


@cache
def _names() -> Resolver:
    return Resolver(load_lazy_builtins())


@cache
def _kinds() -> Resolver:
    """Build a resolver whose `family` is the kind of device."""
    return Resolver(([UserAgentMatcher(pattern, kind) for kind, pattern in _rules()], [], []))


def _rules() -> Iterator[tuple[str, str]]:
    """Yield kind and pattern in the order in which they are tried."""
    yield from _joined(EXCEPTIONS)
    for crawler in CRAWLER_USER_AGENTS_DATA:
        yield BOT, crawler["pattern"]
    yield from _joined(RULES)


def _joined(rules: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for kind, alternatives in rules:
        yield kind, f"(?i){'|'.join(alternatives.split())}"


# The name of a platform in Client Hints → its name in ua-parser.
PLATFORMS = {
    "Android": "Android",
    "Chrome OS": "Chrome OS",
    "Chromium OS": "Chrome OS",
    "iOS": "iOS",
    "Linux": "Linux",
    "macOS": "Mac OS X",
    "Windows": "Windows",
}
# https://learn.microsoft.com/microsoft-edge/web-platform/how-to-detect-win11
FIRST_OF_WINDOWS_11 = 13


def _with_hints(device: Device, headers: Mapping[str, str]) -> Device:
    """Correct a frozen user agent: Windows 11 says it is 10, and a tablet may say it is a desktop."""
    platform = PLATFORMS.get(_unquoted(headers.get("Sec-CH-UA-Platform", "")), "")
    if device.device_type == BOT or not platform:
        return device
    version = _unquoted(headers.get("Sec-CH-UA-Platform-Version", ""))
    if platform == "Windows":
        version = _windows_version(version)
    elif not version.replace(".", "").isdecimal():
        version = ""
    kind = device.device_type
    if platform == "Android" and kind != OTHER:
        kind = MOBILE if headers.get("Sec-CH-UA-Mobile") == "?1" else TABLET
    parsed_version = device.os_version if platform == device.os else ""
    os_version = version[:NAME_CHARACTERS] or parsed_version
    return replace(device, device_type=kind, os=platform, os_version=os_version)


def _windows_version(version: str) -> str:
    major = version.partition(".")[0]
    if not major.isascii() or not major.isdecimal() or not int(major):
        return ""
    return "11" if int(major) >= FIRST_OF_WINDOWS_11 else "10"


def _unquoted(value: str) -> str:
    return value[:READ_CHARACTERS].strip().strip('"')
