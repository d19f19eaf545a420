"""Why requests were refused, in Norwegian Bokmål."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portvakt.model.decision import (
    ACCESS_DENIED,
    INSUFFICIENT_SCOPE,
    INVALID_CLIENT,
    INVALID_GRANT,
    INVALID_REQUEST,
    INVALID_SCOPE,
    INVALID_TARGET,
    INVALID_TOKEN,
    SERVER_ERROR,
    UNAUTHORIZED_CLIENT,
    UNSUPPORTED_GRANT_TYPE,
)
from portvakt.model.provider import Body
from portvakt.protocol.govern.explanations import Explanations, Say
from portvakt.protocol.govern.near import NearMiss

if TYPE_CHECKING:
    from collections.abc import Mapping

_CURRENT_SECRET = "Bruk en av klientens hemmeligheter som fortsatt virker, eller lag en ny: Roter hemmeligheten."
_NEW_CODE = "Send brukeren gjennom innloggingen på nytt, og bruk den nye koden med en gang, og bare én gang."

_NEAR: Mapping[str, Say] = {
    NearMiss.BODY: Say(
        "Kroppen var {sent}; dette endepunktet tar {taken}, og Content-Type må si det.",
        "RFC 6749 §4.4.2 og vedlegg B: En forespørsel om token er et skjema; {provider} tar {taken}.",
        "Send parametrene som {taken}, og la Content-Type si det samme. curl -d sender et skjema.",
    ),
    NearMiss.UNENCODED_BASIC: Say(
        "Klient-ID og hemmelighet ({shown_as}) er riktige, men ble satt inn i Basic-hodet uten å bli skjemakodet.",
        "RFC 6749 §2.3.1: ID og hemmelighet skjemakodes hver for seg, settes sammen med kolon og skrives som base64.",
        "Prosentkod ID og hemmelighet før de settes inn i hodet, eller send dem i kroppen hvis klienten kan det.",
    ),
    NearMiss.OTHER_ISSUER: Say(
        "Det som ble vist, hører til miljøet {issuer}; forespørselen gikk til {here}.",
        "RFC 6749 §2: En klient er registrert hos én autorisasjonsserver. Test og produksjon har hver sin.",
        "Send forespørselen til {issuer}, eller bruk en klient fra {here}.",
    ),
    NearMiss.AUTHENTICATION: Say(
        "Klienten autentiserte seg med {sent}, men er satt til {needed} og ikke noe annet.",
        "RFC 7591 §2 (token_endpoint_auth_method): En klient autentiserer seg slik den er registrert.",
        "Bruk {needed}, eller endre hvordan klienten autentiserer seg.",
    ),
    NearMiss.EXPIRED_SECRET: Say(
        "Hemmeligheten {shown_as} er klientens, men utløp {ended}.",
        "En hemmelighet virker til den tiden som ble valgt da den ble laget.",
        _CURRENT_SECRET,
    ),
    NearMiss.REVOKED_SECRET: Say(
        "Hemmeligheten {shown_as} er klientens, men ble trukket tilbake {ended}.",
        "En hemmelighet som er trukket tilbake, avvises innen et sekund.",
        f"{_CURRENT_SECRET} Hvis ingen av dere sendte den, har noen andre den.",
    ),
    NearMiss.EXPIRED_TOKEN: Say(
        "Tilgangstokenet utløp {ended}.",
        "RFC 6750 §3.1: invalid_token, når tilgangstokenet er utløpt.",
        "Hent et nytt tilgangstoken, og hent det neste før expires_in er gått.",
    ),
    NearMiss.AUDIENCE: Say(
        "Feil mottaker (audience): Det som ble bedt om eller vist, er ikke for {needed}.",
        "RFC 8707 §2 og RFC 9068 §4: Et token er for det API-et som står i aud, og resource sier hvilket det skal bli.",
        "Utelat resource, eller sett den til {needed}, og vis et token bare til det API-et som det er for.",
    ),
    NearMiss.SCOPE: Say(
        "Klienten kan ikke be om: {lacking}.",
        "RFC 6749 §5.2: invalid_scope, et scope som er ukjent eller mer enn klienten har.",
        "Be om scopes som klienten har ({scopes}), eller få de andre gitt til klienten.",
    ),
    NearMiss.REDIRECT_URI: Say(
        "redirect_uri skiller seg fra den registrerte {registered} i én ting: {differs}.",
        "RFC 9700 §2.1: Redirect-URI-er sammenlignes tegn for tegn.",
        "Send nøyaktig {registered}, eller registrer den som sendes.",
    ),
    NearMiss.CODE_USED: Say(
        "Koden var brukt før. Det den ga, ble avsluttet, for en av de to som brukte den, kan være en tyv.",
        "RFC 6749 §4.1.2: En klient må ikke bruke en kode mer enn én gang.",
        f"{_NEW_CODE} Se etter noe som prøver på nytt, en callback-side som lastes på nytt, eller to prosesser som "
        "deler callback.",
    ),
    NearMiss.REFRESH_TOKEN_USED: Say(
        "Oppdateringstokenet var brukt før; hvert virker én gang, og svaret inneholder det neste.",
        "RFC 9700 §4.14.2: Når et oppdateringstoken som er byttet ut, vises igjen, avsluttes alt som det ga.",
        "Ta vare på oppdateringstokenet i hvert svar før neste forespørsel, på ett sted for alle prosesser. "
        "Brukeren må logge inn på nytt.",
    ),
    NearMiss.QUOTA: Say(
        "Klientens kvote er brukt opp: {limit} forespørsler på {window} sekunder. Det neste vinduet begynner {until}.",
        "RFC 6585 §4; kvoten kommer fra {provider}, eller er klientens egen.",
        "Behold et tilgangstoken til like før det utløper, i stedet for å hente ett til hver forespørsel, "
        "og vent så lenge som Retry-After sier.",
    ),
    NearMiss.FAILURES: Say(
        "For mange forespørsler ble ikke autentisert: {limit} på {window} sekunder. Fra {until} blir slike vurdert "
        "igjen.",
        "RFC 6749 §2.3.1: Serveren beskytter hemmeligheter mot gjetting. Den riktige hemmeligheten virker likevel.",
        "Se etter et program som fortsetter med en gal hemmelighet, og rett det.",
    ),
}

_REASONS: Mapping[str, Say] = {
    "unknown client": Say(
        "Ingen klient har den client_id som ble sendt.",
        "RFC 6749 §5.2: invalid_client.",
        "Kopier client_id på nytt, og se etter om den hører til dette miljøet.",
    ),
    "client_id is missing.": Say(
        "Forespørselen sier ikke hvilken klient den kommer fra.",
        "RFC 6749 §2.3.1.",
        "Send client_id og client_secret, i kroppen eller i et Basic-hode.",
    ),
    "wrong secret": Say(
        "Hemmeligheten er ingen av klientens.",
        "RFC 6749 §5.2: invalid_client.",
        "Kopier hele hemmeligheten på nytt, uten mellomrom og linjeskift, eller roter klientens hemmelighet.",
    ),
    "no secret was sent": Say(
        "Klienten må bevise hvem den er, og sendte ingen hemmelighet.",
        "RFC 6749 §3.2.1.",
        "Send klientens hemmelighet. En skallvariabel som ikke er satt, sender en tom.",
    ),
    "a public client sent a secret": Say(
        "Klienten er offentlig og har ingen hemmelighet, men sendte en.",
        "RFC 6749 §2.1.",
        "Utelat hemmeligheten, eller opprett en klient som har hemmelighet.",
    ),
    "the client is disabled": Say(
        "Klienten er deaktivert.",
        "En deaktivert klient avvises innen et sekund.",
        "Aktiver klienten hvis den skal brukes.",
    ),
    "the client's owner is disabled": Say(
        "Klientens eier er deaktivert.",
        "En klient handler med eierens roller, og stopper når eieren gjør det.",
        "Få eieren aktivert.",
    ),
    "the client's organisation is disabled": Say(
        "Klientens organisasjon er deaktivert.",
        "En organisasjons klient stopper når organisasjonen gjør det.",
        "Få organisasjonen aktivert.",
    ),
    "unknown code": Say(
        "Det som ble sendt som code, er ingen kode: Det er kuttet, endret på veien eller utløpt for lenge siden.",
        "RFC 6749 §5.2: invalid_grant.",
        f"Ta koden fra callback-adressen (parameteren code), dekodet én gang. {_NEW_CODE}",
    ),
    "the code has expired": Say("Koden er utløpt.", "RFC 6749 §4.1.2: En kode lever kort.", _NEW_CODE),
    "the code belongs to another client": Say(
        "Koden tilhører en annen klient.",
        "RFC 6749 §5.2: invalid_grant.",
        "Løs inn en kode som den klienten som ba om den.",
    ),
    "redirect_uri is another one": Say(
        "redirect_uri er ikke den som koden ble bedt om med.",
        "RFC 6749 §4.1.3: Verdiene må være like.",
        f"Send den samme redirect_uri begge ganger. Koden er brukt opp: {_NEW_CODE}",
    ),
    "redirect_uri is not registered": Say(
        "redirect_uri er ikke registrert.",
        "RFC 9700 §2.1: Redirect-URI-er sammenlignes tegn for tegn.",
        "Registrer den som sendes.",
    ),
    "code_verifier does not match the challenge": Say(
        "code_verifier passer ikke til code_challenge.",
        "RFC 7636 §4.6: code_challenge er base64url av SHA-256-summen av code_verifier, uten fyllet (=) til slutt.",
        f"Ta vare på én code_verifier for hver innlogging, og send den. {_NEW_CODE}",
    ),
    "unknown refresh token": Say(
        "Det som ble sendt som refresh_token, er ikke noe oppdateringstoken: Det er kuttet, endret eller utløpt for "
        "lenge siden.",
        "RFC 6749 §5.2: invalid_grant.",
        "Bruk oppdateringstokenet i det siste svaret, og hele det. Ellers må brukeren logge inn på nytt.",
    ),
    "the refresh token was revoked": Say(
        "Oppdateringstokenet er trukket tilbake.",
        "RFC 6749 §5.2: invalid_grant.",
        "Brukeren må logge inn på nytt og gi tilgang.",
    ),
    "the grant was revoked": Say(
        "Tilgangen er trukket tilbake.",
        "RFC 6749 §5.2: invalid_grant.",
        "Brukeren må logge inn på nytt og gi tilgang.",
    ),
}

_CODES: Mapping[str, Say] = {
    INVALID_REQUEST: Say("", "RFC 6749 §5.2: invalid_request.", "Rett forespørselen slik årsaken sier."),
    INVALID_CLIENT: Say("", "RFC 6749 §5.2: invalid_client.", "Se på client_id og hemmeligheten."),
    INVALID_GRANT: Say("", "RFC 6749 §5.2: invalid_grant.", "Brukeren må logge inn på nytt."),
    INVALID_SCOPE: Say("", "RFC 6749 §3.3 og §5.2: invalid_scope.", "Be om scopes som klienten har."),
    INVALID_TARGET: Say("", "RFC 8707 §2: invalid_target.", "Utelat resource."),
    INVALID_TOKEN: Say("", "RFC 6750 §3.1: invalid_token.", "Hent et nytt tilgangstoken for API-et i dette miljøet."),
    INSUFFICIENT_SCOPE: Say("", "RFC 6750 §3.1: insufficient_scope.", "Få scopet gitt til klienten, og be om det."),
    UNAUTHORIZED_CLIENT: Say(
        "", "RFC 6749 §5.2: unauthorized_client.", "Få grant-typen gitt til klienten, eller bruk en som den har."
    ),
    UNSUPPORTED_GRANT_TYPE: Say(
        "", "RFC 6749 §5.2: unsupported_grant_type.", "Bruk en av {grants}, skrevet nøyaktig slik."
    ),
    ACCESS_DENIED: Say(
        "", "RFC 6749 §4.1.2.1: access_denied.", "Brukeren sa nei, eller har ingenting å gi tilgang til."
    ),
    SERVER_ERROR: Say(
        "Feilen var serverens, ikke forespørselens.", "RFC 6749 §4.1.2.1: server_error.", "Prøv det samme en gang til."
    ),
}

BOKMAL = Explanations(
    near=_NEAR,
    reasons=_REASONS,
    codes=_CODES,
    otherwise=Say("", "RFC 6749 §5.2.", "Rett forespørselen slik årsaken sier."),
    either=" eller ",
    none="ingen",
    not_known="(ikke kjent)",
    bodies={Body.JSON.value: "JSON (application/json)", Body.FORM.value: f"et skjema ({Body.FORM.value})"},
    differing={
        "upper and lower case": "store og små bokstaver",
        "a slash at the end": "en skråstrek til slutt",
        "the scheme": "det som står før ://",
        "the host": "verten",
        "the port": "porten",
        "the path": "stien",
        "the query": "det som står etter ?",
        "a fragment": "et fragment",
    },
)
