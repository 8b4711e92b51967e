"""The words mail programs and people put around what they say, by language: who wrote, header lines, closings, devices.

Data and the patterns made of it; each pattern looks at one line, or at few joined ones, and is linear in its length.
Languages: English, German, Spanish, Portuguese, Polish, French, Italian, Dutch, Czech, Danish, Swedish, Russian.
"""

import re
from typing import Final

_ANY_CASE: Final = re.IGNORECASE

#: The end of "On … Jonas Keller wrote:", verb last or the name after the verb.
WROTE: Final = re.compile(
    r"\b(?:wrote|writes|schrieb|geschrieben|escribió|escribio|escribi[oó]|escreveu|napisał(?:\(a\)|a)?|napisal(?:\(a\)|a)?"
    r"|nadesłał|pisze|a écrit|écrit|ha scritto|schreef|skrev|написал(?:\(а\)|а)?|пишет|напис(?:ал)?)\b\s*\)?"
    r"[^:]{0,160}:\s*$|wrote:\s*$",
    _ANY_CASE,
)
#: How such a line begins: a preposition before a date, a weekday, or the date itself.
BEGUN: Final = re.compile(
    r"^\W{0,3}(?:on|am|el|em|no dia|a|w dniu|dnia|le|il|op|den|dne|on the|\d{1,4}[.\-/ ]\d{1,2}|\d{1,2}\.? \w{3,10}"
    r"|mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|lun|mar|mié|mie|jue|vie|sáb|sab|dom|seg|ter|qua|qui|sex"
    r"|pon|wt|śr|czw|pt|sob|niedz|lu|ma|me|je|ve|пн|вт|ср|чт|пт|сб|вс)\b",
    _ANY_CASE,
)
ADDRESS: Final = re.compile(r"<?[^\s<>@]{1,80}@[^\s<>@]{1,120}>?")
DIGIT: Final = re.compile(r"\d")

_FROM = r"from|von|de|od|da|van|от|fra|från"
_REST = (
    r"sent|date|to|subject|cc|bcc|reply-to|organization|gesendet|datum|an|betreff|kopie|antwort an|enviado(?: el)?"
    r"|enviada(?: em)?|fecha|para|asunto|assunto|data|wysłano|wyslano|data wysłania|do|temat|dw|envoyé|envoye|à|objet"
    r"|inviato|a|oggetto|verzonden|aan|onderwerp|дата|кому|тема|отправлено|sendt|til|emne|skickat|till|ämne|odesláno|komu|předmět"
)
HEAD_FROM: Final = re.compile(rf"^[*_ ]{{0,3}}(?:{_FROM}|{_REST})\s?:[*_]{{0,3}}(?:\s|$)", _ANY_CASE)
HEAD_ANY: Final = re.compile(rf"^[*_ ]{{0,3}}({_FROM}|{_REST})\s?:[*_]{{0,3}}(?:\s|$)", _ANY_CASE)

RULED: Final = re.compile(r"^[-_=*\s]{0,6}[-_]{2,40}\s?([^\W\d_][^-_]{3,60}?)\s?[-_]{2,40}\s*$")
RULE: Final = re.compile(r"^\s*[-_=*—]{10,}\s*$")
ORIGINAL: Final = re.compile(
    r"original message|ursprüngliche nachricht|originalnachricht|mensaje original|mensagem original"
    r"|oryginalna wiadomość"
    r"|wiadomość oryginalna|message d'origine|messaggio originale|oorspronkelijk bericht|oprindelig meddelelse"
    r"|исходное сообщение|původní zpráva",
    _ANY_CASE,
)
FORWARDED: Final = re.compile(
    r"forwarded|weitergeleitet|reenviad|encaminhad|przekazan|przesłan|transféré|inoltrat|doorgestuurd|пересыла|"
    r"videresendt|přeposlan",
    _ANY_CASE,
)
#: Subjects: what answers and what passes on.
ANSWERED: Final = re.compile(
    r"^\s*(?:re|aw|antw|odp|sv|vs|r|res|rép|rif|отв|回复)(?:\[\d+\])?\s*:\s*", _ANY_CASE
)
PASSED_ON: Final = re.compile(r"^\s*(?:fwd?|wg|rv|enc|tr|pd|i|vs|fs|doorst|weitergeleitet)\s*:\s*", _ANY_CASE)
TAGGED: Final = re.compile(
    r"^\s*\[(?:ext|extern|external|externa|zewnętrzny|list)[^\]]{0,20}\]\s*", _ANY_CASE
)

CLOSING: Final = re.compile(
    r"^\s*(?:(?:with|mit|con|com|z|med) )?(?:(?:best|kind|warm|many|freundlichen?|besten?|viele|liebe|schöne|"
    r"herzliche|"
    r"un|saludos|atentos|cordiales|cordiais|melhores|wyrazami|serdecznie|cordiali|distinti|vriendelijke|hartelijke|"
    r"venlig|vänliga|bonne|bien) )?"
    r"(?:regards|wishes|best|thanks|thank you|many thanks|thx|cheers|sincerely(?: yours)?|yours (?:sincerely|truly)"
    r"|gr(?:ü|ue)(?:ß|ss)en?|gru(?:ß|ss)|mfg|vg|lg|danke(?: und gruß)?|vielen dank|dank(?:e)? im voraus"
    r"|saludos?|cordial saludo|atentamente|atte|gracias|muchas gracias|cordialmente"
    r"|cumprimentos|atenciosamente|att|obrigad[oa]|muito obrigad[oa]|abraços?|grato"
    r"|pozdrawiam|pozdrowieniami|pozdrowienia|poważaniem|powazaniem|szacunku|dziękuję|dzięki"
    r"|cordialement|salutations(?: distinguées)?|merci|à vous|saluti|grazie|groet(?:en)?|bedankt|hilsen|hälsningar"
    r"|s pozdravem|děkuji)"
    r"(?: (?:and regards|und gruß|an|und|to you|serdecznie|y saludos|a todos|regards))?\s*[,.!]{0,3}\s*$",
    _ANY_CASE,
)
DEVICE: Final = re.compile(
    r"^\W{0,3}(?:sent (?:from|with|via|using)|get outlook for|gesendet (?:von|mit)|von meinem .{2,30} gesendet"
    r"|diese nachricht wurde von|outlook für|enviado (?:desde|do|a partir|pelo)|obtener outlook|obter o outlook"
    r"|wysłan[eoa] z|wyslane z|pobierz (?:aplikację )?outlook|envoyé (?:de|depuis|à partir)|inviato da|verzonden vanaf"
    r"|sendt fra|skickat från|отправлено с|odesláno z)\b[^,;.!?]{0,80}\.?\s*(?:<[^>]{0,200}>|\([^)]{0,200}\))?\s*$",
    _ANY_CASE,
)
LEGAL: Final = re.compile(
    r"^\W{0,4}(?:disclaimer|confidentiality notice|confidential(?:ity)?\s*:"
    r"|(?:this|the information in this) (?:e-?mail|message)"
    r"[^.]{0,80}(?:confidential|intended|attachments)|diese e-?mail[^.]{0,80}(?:vertraulich|anlagen)"
    r"|este (?:mensaje|correo)"
    r"[^.]{0,80}(?:confidencial|destinatario)|est[ae] (?:mensagem|e-?mail)[^.]{0,80}(?:confidencial|destinat)"
    r"|(?:ta|niniejsza) wiadomość[^.]{0,80}(?:poufn|adresat)|ce (?:message|courriel)[^.]{0,80}confidentiel"
    r"|please consider the environment|bitte prüfen sie, ob)",
    _ANY_CASE,
)
LIST_FOOT: Final = re.compile(
    r"mailing list|unsubscribe|abbestellen|darse de baja|cancelar inscri|wypisz", _ANY_CASE
)
#: Bodies that only say that there is an HTML part.
STUB: Final = re.compile(
    r"html[- ](?:capable|compatible|enabled|fähig|format)|view (?:this|it) in (?:a|your) browser", _ANY_CASE
)
