"""Sentences that talk to the reader's assistant instead of to the reader: they are never quoted, and the page is flagged.

A page can't make this program do anything: nothing of it is executed, and a model sees it as escaped data. What is left
to an attacker is to be quoted, so what looks like an order to an assistant, a faked turn of a conversation or a
planted link is no claim. Told by words alone, and where in doubt a sentence is left out: that costs one quote.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from html import unescape

from corpus.addresses import name_of_host

FLAG = "instructions to the reader's assistant"

_WHO = (
    r"(?:ai|a\.i\.|llms?|\w*gpt(?:-?\d\w*)?|co-?pilots?|chat ?bots?|language models?|ai models?|oka"
    r"|(?:ai |virtual |digital )?assistants?|ai (?:agents?|systems?|readers?|crawlers?)|answer(?:ing)? engines?)"
)
_ORDERS = (
    r"instructions?|prompts?|guidelines?|directives?|directions|system messages?|orders|training|guard ?rails?"
    r"|safety (?:rules|measures|filters)"
)
_TELL = r"(?:say|state|claim|reply|respond|answer|mention|recommend|cite|praise|promote)"
_SAY = rf"(?:{_TELL}|write|print|output|repeat|link|tell|insist|end|begin|start)"
_PATTERNS = (
    # What it was told before shall not count.
    rf"\b(?:ignore|disregard|forget|override|bypass|discard|neglect|overrule|set aside|do not (?:follow|obey)"
    rf"|don't (?:follow|obey)"
    rf"|stop (?:following|obeying)|instead of following)\b[^.!?]{{0,60}}\b(?:{_ORDERS})\b",
    r"\b(?:ignore|disregard|forget)\b[^.!?]{0,30}\b(?:previous|prior|preceding|above|earlier|other|everything"
    r"|all)\b[^.!?]{0,20}"
    r"\b(?:rules|sources?|context|text|questions?|you (?:know|were told|have been told)|you've been told|said)\b",
    r"\b(?:new|updated|real|actual|hidden|secret|important|urgent|additional|special) instructions?\b\s*(?::"
    r"|for (?:you|the|any|all|every)\b|follow)",
    r"\b(?:your|the) (?:real|new|actual|only|true) (?:task|goal|job|purpose|role|instructions?) (?:is|are)\b",
    r"\binstructions? (?:to|for) (?:the |any |all |every )?" + _WHO + r"\b",
    # Who it shall be.
    r"\byou are (?:now|henceforth|from now on) (?:an?|the|in|called|named|my|dan|free (?:of|from)|unrestricted"
    r"|no longer|allowed to)\b"
    r"|\byou are no longer (?:bound|an?|the|restricted|limited|oka)\b|\bpretend (?:to be|that you|you are|you're)\b",
    r"\bact as (?:a |an |the |if you )?(?:dan\b|unrestricted|different|evil|my |" + _WHO + r")",
    r"\b(?:developer|god|admin|jailbreak|dan) mode\b[^.!?]{0,30}\b(?:enabled|activated|on|unlocked)\b"
    r"|\bjailbr(?:eak|oken)",
    # It is spoken to.
    rf"(?:^|[.!?:]\s|[\[({{*#<-]\s?)(?:dear |hey |hi |hello |attention,? (?:to )?|to (?:all |any |every |the )?|note (?:to|for) "
    rf"(?:the |any |all )?|message (?:to|for) (?:the )?|important for )?(?:the |all |any |every )?{_WHO}\s*[,:!]\s",
    rf"\b(?:note|message|memo|notice|hint|reminder|advice|attention) (?:to|for) (?:the |any |all |every "
    rf"|our )?{_WHO}\b",
    rf"\bif you(?:'re| are) (?:a |an |the |reading this (?:as )?(?:a |an )?)?{_WHO}\b",
    rf"\b{_WHO} (?:that|who|which) (?:reads?|summari[sz]es?|processe?s?|sees?|index(?:es)?|quotes?|cites?"
    rf"|answers?) (?:this|these)\b",
    rf"\b{_WHO} (?:reading|summari[sz]ing|processing|quoting|citing|indexing) (?:this|these)\b",
    rf"\bas (?:a |an )?{_WHO},? you\b|\b{_WHO},? (?:you|please) (?:must|should|shall|will|have to|need to|are to"
    rf"|{_SAY})\b",
    rf"\b{_WHO} (?:must|should|shall|is to|are to|has to|have to|needs? to)(?: now| always| never| only"
    rf"| not)? {_SAY}\b",
    # A turn of a conversation that nobody had.
    r"(?:^|\n)\W*(?:system|assistant|developer|human|ai|bot)(?: (?:message|prompt|override|note|notice|update"
    r"|instruction|says))?\s?(?::|>|\])\s?",
    r"(?:^|\n|[.!?\"']\s)\W*(?:user|customer|question)\s?:.{0,300}\b(?:assistant|answer|ai|bot|oka)\s?:",
    r"<\|[^|<>\n]{1,30}\|>|\[/?(?:inst|sys|system_prompt|available_tools|tool_calls?)\]|<</?sys>>|<(?:start"
    r"|end)_of_turn>",
    r"</?(?:system|sources|instructions|assistant|tool_call|function_call|untrusted)(?: [^<>]*)?>|</(?:source"
    r"|question|prompt|context|user|human)>",
    r"#{2,}\s*(?:instruction|system|response|assistant|human|user|new task)s?\b\s?:?|\b(?:begin|end"
    r"|start) (?:of )?(?:system|new|admin|user|untrusted) "
    r"(?:prompt|instructions?|message|turn|input|context)\b|\"role\"\s?:\s?\"(?:system|assistant|user|developer)\"",
    r"\bprevious conversation\b[^.!?]{0,40}\b(?:agreed|promised|decided)\b|\bas (?:we"
    r"|you) (?:have )?agreed (?:before|earlier)\b",
    # What the answer shall be.
    r"\b(?:reply|respond|answer|output|say|write|repeat|print)\b[^.!?]{0,30}\b(?:only|exactly|just"
    r"|nothing but|nothing except|solely)\b"
    r"[^.!?]{0,30}\b(?:words?|phrase|sentence|string|letters?|code ?word|emoji|poem|song)\b",
    r"\b(?:reply|respond|answer|end|begin|start|finish|close)\b[^.!?]{0,30}\b(?:with"
    r"|by saying)\b[^.!?]{0,12}\b(?:the )?(?:words?|phrase|sentence|exact)\b",
    r"\b(?:cite|include|add|append|insert|mention|link|put|place|embed|render|show|display|use|quote|name"
    r"|reference|praise|recommend|write|translate)\b"
    r"(?:[^.!?]|[.!?](?=\S)){0,100}\b(?:to|in|into|of|at the end of|for|on|under|with) (?:your|every|each|all|any|the final"
    r"|the next)(?: \w+)? (?:answers?|repl(?:y|ies)|responses?|summar(?:y|ies)|outputs?|citations?)\b",
    r"\byour (?:final |next )?(?:answers?|repl(?:y|ies)|responses?|summary) (?:must|should|shall|has to|will"
    r"|needs to|is|to)\b",
    r"\bcite (?:only |always |instead |as source )?(?:this page|https?://|\S+\.(?:com|org|net|io|test|example)\b)"
    r"|\b(?:cite|quote|name|give|list|credit|use|present)\b(?:[^.!?]|[.!?](?=\S)){0,80}\bas (?:the|your) (?:only |single |sole "
    r"|official )?(?:source|reference|citation)\b",
    rf"\bfrom now on\b,? ?(?:you (?:must|should|shall|will|are|have to|may|always|never)|always|never"
    rf"|every answer|each answer|all answers|please|(?:only )?{_TELL})\b",
    rf"^\W*(?:always|never|only|you must(?: now| always| never| only| not)?|you (?:should|shall)(?: now| always"
    rf"| never| only)) {_TELL}\b(?! to\b)",
    r"\b(?:tell|inform|warn|convince|ask|instruct|advise|persuade|urge) (?:the|your|every|all|any) (?:users?"
    r"|readers?|visitors?|customers?|person|human|one asking|asker)\b",
    r"\b(?:don't|do not|never) (?:mention|tell|reveal|say|disclose|show)\b[^.!?]{0,40}\b(?:this (?:message|note"
    r"|instruction|page|text)|users?|anyone|readers?|competitors?)\b",
    # What it shall give away or do.
    r"\b(?:reveal|print|show|leak|disclose|repeat|output|give|display|dump|summari[sz]e"
    r"|send)\b[^.!?]{0,50}\b(?:system prompt|your (?:instructions?|prompt|rules)|(?:chat|conversation) history"
    r"|(?:previous|last|hidden) (?:message|conversation|prompt)s?|user's (?:question|name|data))\b",
    r"\b(?:send|post|forward|submit|upload|e-?mail|exfiltrate|paste|enter|type)\b[^.!?]{0,60}\b(?:api ?keys?"
    r"|passwords?|tokens?|credentials|secrets?|"
    r"credit cards?|conversation|question|chat)\b[^.!?]{0,60}(?:https?://|\bto \S+@|\bto \S+\.\w{2,})",
    r"\b(?:call|invoke|execute) (?:the |your )?(?:\w+ )?(?:tools?|functions?|plugin|shell|terminal"
    r"|browser)\b[^.!?]{0,40}\b(?:and|to|with)\b[^.!?]{0,40}\b(?:delete|send|open|fetch|post|rm|https?)",
    r"\b(?:decode|decrypt|translate|base64|rot13)\b[^.!?]{0,60}\b(?:and|then)\b[^.!?]{0,20}\b(?:follow|do"
    r"|execute|obey|say|reply|carry|act|run)\b",
    # The same in the languages most used for it.
    r"\b(?:ignorier\w*|vergiss|missachte)\b[^.!?]{0,50}\b(?:anweisung\w*|vorgaben|regeln|befehle)\b",
    r"\b(?:ignor(?:a|e|ez|ar|er|are)|olvida|oubliez?|dimentica|esque[cç]a"
    r"|desconsidere)\b[^.!?]{0,50}\b(?:instruc\w+|instruk\w+|instru[cç][oõ]es|istruzioni|consignes|reglas|regole)\b",
    r"игнорируй\w*.{0,40}(?:инструкц|указани)|忽略.{0,20}(?:指令|指示|说明|提示)|(?:以前|これまで|上記).{0,15}指示.{0,10}無視",
)  # fmt: skip
_ORDER = re.compile("|".join(f"(?:{pattern})" for pattern in _PATTERNS), re.IGNORECASE)
_LINK = re.compile(
    r"!?\[[^\]\n]*\](?:\(|:)\s*<?(?P<target>(?:[a-z][a-z+.-]*:|//|www\.)[^)\s>]*)"
    r"|<\s*(?:img|a|script|iframe|svg|form|link|meta|object|embed|base|video|audio|input)\b[^<>]*?(?:src|href"
    r"|action|data|content)\s*="
    r"\s*[\"'{]*(?P<address>(?:[a-z][a-z+.-]*:|//)[^\s\"'>]*)|<\s*script\b|\b(?:javascript|vbscript)\s*:\s*\w+\s*\(",
    re.IGNORECASE,
)
# Letters of other alphabets that look like ours.
_LOOKS_LIKE = str.maketrans(
    "аеорсухіјѕԁһӏɡαοιɑνΑΒΕΗΙΚΜΝΟΡΤΧΥАВЕКМНОРСТХІЈЅ", "aeopcyxijsdhlgaoiavABEHIKMNOPTXYABEKMHOPCTXIJS"
)


# A sentence without any of these is let through at once: one question looks at a hundred.
_TELLING = re.compile(
    rf"\b(?:{_WHO}|{_ORDERS}|ignore|disregard|forget|rules|task|goal|purpose|role|mode|system|developer|human"
    rf"|bot|readers?|visitors?|users?|customer"
    rf"|question|you|your|answers?|{_TELL}|say|summary|source|from now on|always|never|only|pretend|act as|jailbr\w+"
    r"|api ?keys?|passwords?|credentials|tools?|functions?|decode|base64|previous conversation|agreed|reveal"
    r"|print)\b|<|\[/?(?:inst|sys)|##"
    r"|ignor|vergiss|missachte|olvida|oubli|dimentica|esque|desconsidere|игнорируй|忽略|無視",
    re.IGNORECASE,
)


@lru_cache(maxsize=1 << 15)
def gives_instructions(text: str) -> bool:
    """Whether a piece of a page (a sentence, an item, a heading) speaks to the reader's assistant."""
    plain = _plain(text)
    if plain.isascii():
        return bool(_TELLING.search(plain) and _ORDER.search(plain))
    alike = plain.translate(_LOOKS_LIKE)
    return any(_TELLING.search(one) and _ORDER.search(one) for one in (plain, alike))


def plants_link(text: str, host: str) -> bool:
    """Whether words of a page of `host` are written so that a link or an image to elsewhere comes of them where
    Markdown or HTML is shown, or a script."""
    for found in _LINK.finditer(text):
        target = found["target"] or found["address"] or "javascript:"
        if name_of_host(target).removeprefix("www.") != host.partition(":")[0].removeprefix("www."):
            return True
    return False


_SUSPECT = re.compile(
    r"instruction|prompt|assistant|language model|chatbot|\b(?:LLM|AI|GPT|ignore|disregard|system:)", re.IGNORECASE
)


def flags_of(text: str, host: str, source: str = "") -> tuple[str, ...]:
    """What a reader of `oka status` should know about a page with this text; `source` is its HTML, in which there may be
    text that nobody sees."""
    if any(gives_instructions(line) or plants_link(line, host) for line in text.split("\n")):
        return (FLAG,)
    if _SUSPECT.search(source):
        bare = re.sub(r"(?is)<(script|style)\b.*?</\1>", "\n", source).replace("<!--", "\n")
        pieces = (piece.strip() for piece in re.split(r"<[^>]*>|-->|\n", bare))
        hidden = (unescape(piece) for piece in pieces if _SUSPECT.search(piece) and piece not in text)
        if any(gives_instructions(piece) for piece in hidden):
            return (FLAG,)
    return ()


def _plain(text: str) -> str:
    """The words as they look: one form of each letter, without invisible characters and marks inside words."""
    if not text.isascii():
        text = "".join(
            char
            for char in unicodedata.normalize("NFKC", text)
            if char.isspace() or unicodedata.category(char) not in ("Cf", "Mn", "Co", "Cn", "Cc")
        )
    text = " ".join(text.replace("’", "'").replace("*", "").replace("`", "").split())
    # S P A C E D letters and i-g-n-o-r-e
    return _SPREAD.sub(lambda match: re.sub(r"[ .\-_]", "", match.group()), text)


_SPREAD = re.compile(r"\b(?:\w[ .\-_]){4,}\w\b")
