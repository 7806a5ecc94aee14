"""Decides the kind of a device from patterns in its user agent.

Tables are tried from top to bottom, and the first pattern that matches decides: `EXCEPTIONS`, then the crawlers that
crawler-user-agents knows, then `RULES`. They hold general patterns and names of series; a list of models would be
outdated within months. `python -m benchmarks.devices` measures them on labelled lists.
"""

from collections.abc import Iterator
from functools import cache

from crawleruseragents import CRAWLER_USER_AGENTS_DATA
from ua_parser import Domain
from ua_parser.lazy import UserAgentMatcher
from ua_parser.regex import Resolver

DESKTOP, MOBILE, TABLET, BOT, OTHER = "desktop", "mobile", "tablet", "bot", "other"

# Patterns of known crawlers that match what people use. `AP3A.240617.008` is the build of Android 15 that hundreds of
# phones share; Sogou, Fluid, Synapse and Adventurer are also browsers or add-ons; Butterfly, Fever, Sonic and 008 are
# also phones; okhttp is the HTTP client of most Android apps. Robots of these names match `RULES`.
NOT_CRAWLERS = frozenset(
    (
        r"AP3A\.240617\.008",
        "Adventurer",
        "Butterfly",
        "Fever",
        "Fluid",
        "Sogou",
        "Sonic",
        "Synapse",
        r"008\/",
        "okhttp",
    )
)

# Alternatives in Rust's regular expression syntax, separated by blanks, with `\s` for a blank. Case is ignored.
# These come before the known crawlers: phones and televisions whose names look like robots.
EXCEPTIONS = (
    (
        MOBILE,
        r"""
        android.*\b(?:cubot|xbot) \bviber\b ^whatsapp/[0-9.]+\s(?:android|ios|[a-z]*phone) ^iphone
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
RULES = (
    # Programs that say what they are.
    (
        BOT,
        r"""
        (?:bot|robot)s?(?:[/;:,)_.@-]|$) bot\s\d [a-z]bot[a-z]*/\d crawl spider slurp scrap(?:e|y|ing)
        archiv(?:e|er|ing) indexer validator monitor probe scanner preview checker uptime headless phantomjs selenium
        puppeteer playwright lighthouse pingdom feed(?:fetcher|burner|parser|bin|demon|wrangler|er) \brss
        fetch(?:er)?\b \(\+?https?:// \+\s?https?:// ;\s?https?:// compatible;\s[^;)]*https?://
        [a-z0-9._-]+\s?(?:@|\[at\])\s?[a-z0-9-]+\.[a-z]{2,} urllib libcurl \baudit \bping\b link\s?(?:check|expand)
        \bseo\b domain health\s?check measurement pagespeed page\sspeed observatory prospect inspect survey research
        (?:infra|net|site)watch fingerprint intelligence transcoder synthetic diagnostic verif(?:y|ier|ication)\b
        (?:email|image|asset)\s?proxy google-?(?:ad|web|favicon|hotel) javafx/ web\s?render screenshot downloader
        classifier open\s?graph aws-sdk apt-http \bgrpc-(?:java|python|ruby|node) gomez dejaclick webdav pageburst
        appengine boto(?:core|3) fasthttp \bserf/ ^svn/ \bptst mshots dummy\sconnection link\s?info ^anonymous
        ^["']?user-?agents?[:\s] javascript: </?(?:a|b|h1|head|iframe|img|li|meta|script|svg)\b <[!?] &[lg]t; \$\{
        \(\)\s?\{ ^\{ /bin/ /etc/ \beval\( \bunion\sselect \b(?:sleep|concat)\(
        """,
    ),
    # HTTP clients of people's apps. okhttp is in most Android apps. `Dart/3.1 (dart:io)` is what Flutter apps send;
    # servers in Dart are rare. axios and node-fetch are not here: apps in React Native send the user agent of okhttp or
    # CFNetwork, and pages that of the browser, so only a program under Node sends "axios".
    (
        MOBILE,
        r"""
        \bokhttp\b ^dart/ \bdart:io ^expo/ ^cronet/
        """,
    ),
    # HTTP clients of programs.
    (
        BOT,
        r"""
        ^(?:curl|wget|python|java/|php|perl|ruby|go-http|go\s|node|axios|got\s|undici|libwww|lwp|apache-http|http)
        ^(?:aiohttp|requests|guzzle|postman|insomnia/|rest-client|faraday|winhttp|mechanize|deno|reactor|jakarta)
        httpclient \bhttp_request \bjava[/\s]1\.\d openjdk like\sgecko;\s(?:compatible|google|widget) analyzer
        ^mozilla/\d\.\d\s\(compatible(?:;\s[^;()]*)?\)$
        """,
    ),
    # Single words are programs, unless they name an old phone, a system of phones, or a program of people's desktops.
    (
        MOBILE,
        r"""
        ^(?:nokia|sonyericsson|ericsson|sie-|lge?[-_]?[a-z]*\d|haier|mot-|sec-|samsung|huawei|zte|htc|alcatel)\S*$
        ^\S*[/_-](?:ios|iphone|android)(?:[/_-]\S*)?$ ^apple-ip(?:hone|od)\S*$ ^\S*wap_?browser\S*$
        """,
    ),
    (
        DESKTOP,
        r"""
        ^(?:itunes|vlc|winamp|quicktime|lotus-notes|windows-live-mail|the\sbat|thunderbird|incredimail)\b
        ^(?:netsurf|dillo|w3m)\b ^lynx ^e?links\b ^amaya
        """,
    ),
    (
        BOT,
        r"""
        ^[\w.!+-]+(?:/[\w.+-]+)?$
        """,
    ),
    # Devices that say what they are: televisions, consoles, watches, cars, speakers.
    (
        OTHER,
        r"""
        smart-?_?tv hbbtv google\s?tv android\s?tv apple\s?tv \btvos netcast web0s webos\.?tv \broku \bcrkey
        chromecast bravia viera vizio vidaa sonydtv \bstb set.?top nettv opera\stv ce-html philipstv maple\s?\d
        inettvbrowser tv\s?box whaletv freebox tizen.*\btv linux/smart shield\sandroid nintendo playstation
        \bps[2345]\b xbox \bwiiu?\b dreamcast dreampassport oculus \bquest\s[23] \bpico\s?(?:neo|4) steamdeck \bpsp\b
        \bouya\b retroid \bwatch watchos zenwatch smart\s?watch carplay qtcarbrowser \baudi(?:_|\b) \bbyd\b
        smart\s?display google\shome ^amazon; \btivo\b ticwatch freestyle_pcu sonos brightsign walkman dlnadoc \bmfp;
        coralwebkit linux\smips chromium.*large\sscreen
        """,
    ),
    # Phones and tablets that say they are Windows, a Mac or Linux.
    (
        MOBILE,
        r"""
        windows\s(?:phone|ce|mobile) wpdesktop iemobile xblwp7 lumia maemo fennec puffin/[0-9.]+[ai]p aphone
        symb(?:ian|os) series\s?60 midp opera\smobi ninesky ^(?:htc|hd2|samsung|nokia|sonyericsson|vodafone)
        """,
    ),
    (
        TABLET,
        r"""
        puffin/[0-9.]+[ai]t windows\snt\s6\.[23];\sarm; (?:macintosh|x11).*\bsilk/
        """,
    ),
    # What else says Windows or Macintosh is one, whatever its browser's add-ons are called.
    (
        DESKTOP,
        r"""
        windows\snt \(macintosh; \bx11;\s(?:u;\s|ubuntu;\s|fedora;\s)?linux\sarm alexa\s?toolbar chromebook inspiron
        latitude elitebook travelmate lifebook \bvostro \bthinkpad\s[a-z]\d satellite\s(?:pro|[a-z]\d)
        aspire\s[a-z]?\d darwin/.*(?:x86_64|i386|macintosh) \(?mac\s?os/ macos[,)\s(] mac_?book ;\sdesktop;
        openharmony.*windows hmos.*2in1
        """,
    ),
    # Devices that only their model tells: boxes and sticks for televisions, projectors, speakers, cameras.
    (
        OTHER,
        r"""
        \baft[a-z0-9]{1,10}\b \baeo[a-z]{2}\b mi\s?box mi\s?tv \btv\b (?:[acdf-pr-z]|fire)tv\b \bdtv[;/]
        portal(?:go|[+/;]) nexus\splayer gamepad \brg(?:35|40|55|cube) sm-[rl]\d{3} alexa tesla/
        \becho(?:[\s_]show|\b;) [\s_]box\b tvbox smart\sbox box\spro led\s?\d\d \d\dled \buhd\b \duhd [;\s_][xh]96
        \btx\d\s?(?:pro|mini|max|s)\b \bmxq \ba95x ;\s[a-z0-9_\s-]*[a-qs-z]box(?:[\s_0-9-]\S*)?(?:\)|;|\sbuild)
        [;\s_]t9[56][a-z]* \bx88 \bhk1\b ;\sm8s \bmk80\d rk3\d{3} _tv\b \btv_ gt-?king [2-8]\d(?:fhd|lex|ov\d{4})
        build/(?:ptt[12]\.|rtt0\.|sttc|nhg47l|nmf26q|m5c14j) \sshell\s _shell_ [\s_-]4k\b 4k_ ugoos zidoo vontar
        polar(?:line)?[\s_-] nexon mystery openbox vinabox tv\s?stick yndx- starwind vorke pendoo mecool beelink tanix
        transpeed mygica iconbit\s(?:movie|stick|xlr) evpad formuler tinker\sboard raspberry \bodroid
        proj(?:ector|[am]\d*\b) \bmogo\s \bneo-[ux]\d skystream ozone\s?hd coolpix \bek-g[cn]\d{3} linux\sarmv7l
        \b(?:24|32|39|40|42|43|49|50|55|58|65|70|75|85|86)[a-z]{1,4}\d{3,}
        \b(?:24|28|32|39|40|43|50|55|65)[a-z]{2,4}\d{1,3}[a-z]{1,4}(?:\b|_)
        """,
    ),
    (
        MOBILE,
        r"""
        coolpad padfone klipad tech\s?pad\s?4 \[tf\d
        """,
    ),
    # Tablets by name: words that end in "tab" or "pad", what only tablets have (Huawei's `-W09` has no telephone), and
    # the numbers and names of series.
    (
        TABLET,
        r"""
        ipad tablet tab\b tab[\s_-]?\d tab_ pad\b pad[\s_-]?\d pad_ kindle \bkf[a-z]{2,6}\b playbook -w\d9[a-z]*\b
        [\s_-]wi-?fi\b _row\b \bkids?\b \bsilk/ nexus\s(?:7|9|10)\b \bsm-[txp]\d{2,3} \bgt-p\d \bgt-n(?:5|8)\d \bsgp\d
        sch-i800 xoom \btb-?[0-9jqx] \byt\d?- pixel\sc\b \blg-v[4-79]\d\d? \bvk(?:410|81[05])\b
        \bme(?:1[78]|30|37|5[678])\d \bp0[0-2][0-9a-z]\b [\s;(]tf\d{3} \ba1-\d{3} \bb1-[78]\d \bb3-a\d iconia
        \bbnt[v0-9] \bnook pocketbook
        \b(?:ags\d?k?|agrk?|bah\d?|bgo|btk|btv|bz[dik]|bzt\d?|cpn|dby\d?|gdi)-(?:[ad][ln]|[wl])\d
        \b(?:got|hdl|jdn2|kob\d?k?|kobe\d|krj\d?)-(?:[ad][ln]|[wl])\d
        \b(?:mon|mrr|mrx|ndl\d?|s8-701|scmr?|sht|t1|vrd|wgr|xyao)-(?:[ad][ln]|[wl])\d \b(?:t1|m2)-[a0-9] \bmid[c0-9-]
        \bmid\b \bpm[pt]\d{4} optima[\s_] plane[\s_] \b[cdhnpstw][ast][178]\d{3}[mp][gl]\b \bmfc\d yandexsearch.*/apad
        yaapp_android.*/apad iplay_?[0-9\s] \bopd\d{4} \brmp\d{4} \brct\d{4} \bbq-?(?:ru-)?(?:7|8|1)0?\d{2,3}[gl]?\b
        oysters\st\d readboy \btz\d{2,3} \brc\d{4}[a-z] \b(?:lc|qs|mt|km)0\d{3}[a-z]? \bqs97 nomi_c\d{5} dslide \dtpc
        \btpc[0-9_-] \btaq?-\d{5} ursus \b2[1-9]\d{2,3}[0-9a-d]rp[a-z0-9]{2,3}\b lavie venue\s[78] ezee woxter contixo
        \blenovo\s?(?:[abs]\d{4}l?-[fhlv]|pb-|b[68]0) \bmicromax\s?p\d{3} \btecno\sp70 \brt[1-9]\b \brmd[_-]\d tolino
        \btm-[79]\d{3} \bslate\b mixzo flyer readpad ;\s(?:80[689]|8[2-4]\d|9(?:0[1-9]|[1-3]\d))\d[a-z]\d?(?:\b|_)
        ;\s900[37][atx]\b \binch\b (?:[789]|10)[^0-9/;]{0,3}3g\b _3g \bm\d{1,2}[_-]?[34]g
        \ban(?:7|8|9|10)[bcdg][a-z0-9] \bmito\st\d \b(?:cube|etl|kova_pcb|mt|monza)-t\d
        """,
    ),
    # Browsers on Android follow Google's rule: phones say "Mobile", tablets do not. Other programs there say nothing.
    (
        MOBILE,
        r"""
        android.*mobile mobile.*android opera\smobi opera\smini
        """,
    ),
    # Phones that do not say "Mobile", for example because their user asked for the page that desktops get.
    (
        MOBILE,
        r"""
        \bsm-[acefgjmns]\d{3} \bsamsung[\s-]sm-[acefgjmns]\d \bgt-[is]\d{4} \bs[hcg][vhw]?-[a-z0-9]{4}
        nexus\s(?:one|s|[3-6]p?x?)\b \bpixel\b \blg-[a-z]{1,2}\d{3} \bcph\d{4} \brmx\d{4} \bvivo\s redmi \bxt\d{4}
        \bmoto[\s(] \bhtc \bhuawei[\s_](?:p|mate|nova|y\d|u\d) \bv2\d{3}a\b
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
        android mobile iphone \bios\b ipod phone blackberry \bbb10 opera\sm(?:ini|obi) midp cldc symbian series\s?40
        webos palm j2me ucweb ucbrowser nokia maui brew bada docomo kddi up\.browser netfront obigo fennec \bwap kaios
        \bpda\b sonyericsson samsung- ^(?:lg|sec|mot|zte|huawei|htc|alcatel|samsung)[-/\s] windows\sce harmony darwin/
        cfnetwork lumia alamofire jig\sbrowser foma; ddipocket nf-browser \bepoc hiptop mqqbrowser wap[\s_]browser
        obrowser \bup/\d up\.link dorado teleca mocor xiino ave-front \brim\d{3} release/\d{2}\. ^\[fban/
        """,
    ),
    (
        DESKTOP,
        r"""
        windows \bwin(?:9[58x]|nt|32|64|10)\b macintosh mac\sos\sx mac_?power mac_intel x11 x86_64 \bcros\b ubuntu
        fedora debian [a-z]bsd sunos solaris irix \baix\b hp-ux beos haiku os/2 amiga morphos aros risc\s?os linux
        msie\s\d ibm\swebexplorer
        """,
    ),
    # What names neither a system nor a device is a program, unless it has the form of a browser.
    (
        BOT,
        r"""
        ^mozilla/\d\.\d(?:\s\(?[\w\s/.-]+\)?)?$
        """,
    ),
    (
        OTHER,
        r"""
        ^mozilla ^opera
        """,
    ),
    (
        BOT,
        r"""
        [a-z]{3}
        """,
    ),
)


def kind_of(text: str) -> str:
    """Return the kind of device that a user agent names; `OTHER` if no pattern matches."""
    kind = _resolver()(text, Domain.USER_AGENT).user_agent
    return kind.family if kind else OTHER


@cache
def _resolver() -> Resolver:
    """Build a resolver whose `family` is the kind of device."""
    return Resolver(([UserAgentMatcher(pattern, kind) for kind, pattern in _patterns()], [], []))


def _patterns() -> Iterator[tuple[str, str]]:
    """Yield kind and pattern in the order in which they are tried."""
    yield from _joined(EXCEPTIONS)
    for crawler in CRAWLER_USER_AGENTS_DATA:
        if crawler["pattern"] not in NOT_CRAWLERS:
            yield BOT, crawler["pattern"]
    yield from _joined(RULES)


def _joined(rules: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for kind, alternatives in rules:
        yield kind, f"(?i){'|'.join(alternatives.split())}"
