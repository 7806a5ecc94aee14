"""Guesses the encoding of a text: by its mark, by what is valid, then by the letters that come out.

Old encodings of one byte a letter accept nearly every text. What tells them apart is that words come out in the letters
of one language. Where two encodings give different words that both look right, the guess is doubtful.
"""

import codecs
import re
from dataclasses import dataclass

from importer.sources.spool.text import encoding_by_mark
from importer.suggest.file.sample import Sample
from importer.suggest.guess import Alternative, Confidence, Guess, given

# By decreasing number of files that people have; the first of two equally good ones is taken.
OLD = (
    "cp1252",
    "iso8859-15",
    "cp1250",
    "mac_roman",
    "cp850",
    "cp437",
    "cp1251",
    "koi8-r",
    "cp1254",
    "cp1253",
)
WIDE = ("shift_jis", "gb18030", "big5", "euc_kr")
# Letters beyond ASCII, as each language writes them.
ALPHABETS = {
    "German": "äöüß", "French": "àâçèéêëîïôùûœæÿ", "Spanish": "áéíñóúü", "Portuguese": "áâãàçéêíóôõúü",
    "Italian": "àèéìòù", "Danish or Norwegian": "æøåé", "Swedish or Finnish": "åäöé", "Dutch": "éëïóöü",
    "Icelandic": "áðéíóúýþæö", "Polish": "ąćęłńóśźż", "Czech or Slovak": "áäčďéěíľĺňóôŕřšťúůýž",
    "Hungarian": "áéíóöőúüű", "Romanian": "ăâîşţșț", "Croatian or Slovene": "čćđšž", "Turkish": "çğıöşüİâî",
    "Russian": "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "Greek": "αβγδεζηθικλμνξοπρσςτυφχψωάέήίόύώ",
}  # fmt: skip
# Signs that texts of every language have.
SIGNS = set("€£§°²³µ·–—‘’“”„‚…«»¿¡®©™ªº½¼¾±×÷•†¢¥\u00a0\u00ad")
WORD = re.compile(r"\w+")
MISPLACED = re.compile(
    r"(?<=[^\W\d_])[^\x00-\x7f\w\u00ad’·](?=[^\W\d_])|(?<=[a-z])·(?=[a-z])|[€£¥¢§¯¬¤¦™](?=[^\W\d_])"
)
# Texts of Cyrillic or Greek are no Western ones misread if most letters are beyond ASCII.
MOST_LETTERS = 3_000
CLEARLY = 0.1


@dataclass(frozen=True, slots=True)
class _Reading:
    encoding: str
    score: float
    language: str
    text: str
    words: int  # different ones with letters beyond ASCII


def guess_encoding(sample: Sample, asked: str = "") -> Guess[str]:
    """Guess the encoding of a sample. `asked`: what somebody has said."""
    if asked:
        return given(asked)
    if mark := encoding_by_mark(sample.head):
        return Guess(mark, "sure", f"the file begins with the byte order mark of {mark}")
    if sample.head.startswith(codecs.BOM_UTF8):
        return Guess("utf-8", "sure", "the file begins with the byte order mark of UTF-8")
    if wide := _without_mark(sample.head):
        return wide
    foreign = b"".join(sample.pieces)
    if foreign.isascii():
        told = "all characters are ASCII" if sample.is_whole else "all characters of the sample are ASCII"
        return Guess("utf-8", "sure" if sample.is_whole else "likely", told)
    if all(map(_is_utf8, sample.pieces)):
        return Guess("utf-8", "sure", "the bytes beyond ASCII are valid UTF-8")
    return _guess_old(sample)


def _without_mark(head: bytes) -> Guess[str] | None:
    """Recognise UTF-16 without a mark: every other byte of ASCII texts is NUL."""
    start = head[:4096]
    if len(start) < 4:
        return None
    even, odd = start[::2].count(0) / len(start[::2]), start[1::2].count(0) / len(start[1::2])
    if odd > 0.4 and even < 0.05:
        return Guess("utf-16-le", "likely", "every second byte is NUL, as in UTF-16")
    if even > 0.4 and odd < 0.05:
        return Guess("utf-16-be", "likely", "every first byte of two is NUL, as in UTF-16")
    return None


def _is_utf8(piece: bytes) -> bool:
    """Tell whether bytes are UTF-8, but for a character cut at either end."""
    start = 0
    while start < min(4, len(piece)) and piece[start] & 0xC0 == 0x80:
        start += 1
    try:
        codecs.getincrementaldecoder("utf-8")().decode(piece[start:])
    except UnicodeDecodeError:
        return False
    return True


def _guess_old(sample: Sample) -> Guess[str]:
    data = _lines_beyond_ascii(sample)
    readings = sorted(
        (reading for encoding in (*OLD, *WIDE) if (reading := _read(data, encoding))), key=lambda r: -r.score
    )
    if not readings:
        return Guess("cp1252", "doubtful", "the bytes fit no encoding in full; records may be rejected")
    best = readings[0]
    others = [reading for reading in readings[1:] if reading.text != best.text]
    # Few words may look right by chance.
    margin = CLEARLY + 2 / max(1, best.words)
    close = [reading for reading in others if reading.score > best.score - margin]
    shown = _shown(best)
    evidence = f"not UTF-8; read so, the letters are {best.language or 'mixed'}: {shown}"
    confidence: Confidence = "doubtful" if close or not best.language or best.encoding in WIDE else "likely"
    alternatives = tuple(
        Alternative(reading.encoding, f"the same bytes give: {_shown(reading)}")
        for reading in (close or others)[:3]
    )
    return Guess(best.encoding, confidence, evidence, alternatives if confidence == "doubtful" else ())


def _lines_beyond_ascii(sample: Sample) -> bytes:
    """Return the lines with bytes beyond ASCII: only they tell encodings apart."""
    lines: list[bytes] = []
    size = 0
    for piece in sample.pieces:
        for line in re.split(rb"[\r\n]", piece)[:-1] or [piece]:
            if not line.isascii():
                lines.append(line[:2_000])
                size += len(lines[-1])
                if size > 64 * 1024:
                    return b"\n".join(lines)
    return b"\n".join(lines)


def _read(data: bytes, encoding: str) -> _Reading | None:
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        return None
    foreign = [(m, letter) for m in WORD.finditer(text) for letter in m[0] if letter > "\x7f"]
    letters = [letter for _, letter in foreign][:MOST_LETTERS]
    others = [letter for letter in text if letter > "\x7f" and not (letter.isalnum() or letter == "_")]
    if any("\x80" <= letter <= "\x9f" for letter in others):
        return None
    language, share = _language(letters)
    signs, misplaced = len([letter for letter in others if letter in SIGNS]), _misplaced(text)
    cased = _share_of_sound_words(foreign)
    total = len(letters) + len(others)
    if not total:
        return None
    score = (len(letters) * share * cased + 0.7 * (signs - misplaced)) / total
    is_sound = share > 0.9 and misplaced * 20 <= total
    if encoding in WIDE:
        score = min(score, 0.8) if share else 0.5
    words = len({match[0] for match, _ in foreign})
    return _Reading(encoding, score, language if is_sound else "", text, words)


def _misplaced(text: str) -> int:
    """Count the signs that stand where letters do: within a word, or a currency before one."""
    return sum(1 for _ in MISPLACED.finditer(text))


def _language(letters: list[str]) -> tuple[str, float]:
    """Return the language that writes most of the letters, and their share."""
    if not letters:
        return "", 0.0
    best, most = "", 0.0
    for language, alphabet in ALPHABETS.items():
        share = sum(letter.casefold() in alphabet or letter in alphabet for letter in letters) / len(letters)
        if share > most:
            best, most = language, share
    return best, most


def _share_of_sound_words(foreign: list[tuple[re.Match[str], str]]) -> float:
    """Return the share of words in which capitals stand where capitals do, and scripts do not mix."""
    words = [match[0] for match, _ in foreign[:MOST_LETTERS]]
    if not words:
        return 1.0
    sound = 0
    for word in words:
        is_cased = word.islower() or word.isupper() or word[1:].islower() or word.istitle()
        beyond = [letter for letter in word if letter >= "\u0370"]
        sound += is_cased and (not beyond or not re.search("[A-Za-z]", word))
    return sound / len(words)


def _shown(reading: _Reading) -> str:
    words = dict.fromkeys(
        match[0]
        for match in re.finditer(r"[^\s;,|\"]+", reading.text)
        if any(letter > "\x7f" for letter in match[0])
    )
    return ", ".join(f"“{word[:20]}”" for word in list(words)[:3])
