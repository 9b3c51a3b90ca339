"""The rights sentence in the artist's language. One row for each language; what has no row is said in English.

The directive's name is the official one of each language version. Names of Creative Commons licences stay English, as their
publisher's own marks do.
"""

from dataclasses import dataclass

from server.models import Licence
from server.rights.tables import LICENCES


@dataclass(frozen=True)
class Language:
    """One row. `names` translates the licences that have a name of ours rather than of their publisher."""

    name: str  # as its speakers write it
    reserved: str
    open: str
    unstated: str  # nothing was said by the author, and is reserved as a precaution
    no_licence: str
    names: dict[Licence, str]


LANGUAGES: dict[str, Language] = {
    "en": Language(
        "English",
        "No AI training or text and data mining (rights reserved, Art. 4(3) Directive (EU) 2019/790).",
        "AI training and text and data mining are not reserved.",
        "No AI training or text and data mining (not stated by the author, reserved as a precaution).",
        "Licence not stated by the author",
        {licence: terms.name for licence, terms in LICENCES.items() if not licence.value.startswith("by")},
    ),
    "fr": Language(
        "Français",
        "Pas d’entraînement d’IA ni de fouille de textes et de données (droits réservés, art. 4, par. 3, de la directive (UE) "
        "2019/790).",
        "L’entraînement d’IA et la fouille de textes et de données ne sont pas réservés.",
        "Pas d’entraînement d’IA ni de fouille de textes et de données (non précisé par l’auteur, réservé par précaution).",
        "Licence non précisée par l’auteur",
        {
            Licence.ARR: "Tous droits réservés",
            Licence.CC0: "Versé au domaine public (CC0 1.0)",
            Licence.PDM: "Dans le domaine public",
        },
    ),
    "de": Language(
        "Deutsch",
        "Kein KI-Training und kein Text und Data Mining (Nutzung vorbehalten, Art. 4 Abs. 3 der Richtlinie (EU) 2019/790).",
        "KI-Training sowie Text und Data Mining sind nicht vorbehalten.",
        "Kein KI-Training und kein Text und Data Mining (von der Urheberin oder dem Urheber nicht angegeben, vorsorglich "
        "vorbehalten).",
        "Keine Lizenz angegeben",
        {
            Licence.ARR: "Alle Rechte vorbehalten",
            Licence.CC0: "In die Gemeinfreiheit entlassen (CC0 1.0)",
            Licence.PDM: "Gemeinfrei",
        },
    ),
    "es": Language(
        "Español",
        "Sin entrenamiento de IA ni minería de textos y datos (derechos reservados, art. 4, apdo. 3, de la Directiva (UE) "
        "2019/790).",
        "El entrenamiento de IA y la minería de textos y datos no están reservados.",
        "Sin entrenamiento de IA ni minería de textos y datos (no indicado por el autor, reservado por precaución).",
        "Licencia no indicada por el autor",
        {
            Licence.ARR: "Todos los derechos reservados",
            Licence.CC0: "Cedido al dominio público (CC0 1.0)",
            Licence.PDM: "En el dominio público",
        },
    ),
    "it": Language(
        "Italiano",
        "Nessun addestramento di IA né estrazione di testo e di dati (diritti riservati, art. 4, par. 3, della direttiva (UE) "
        "2019/790).",
        "L’addestramento di IA e l’estrazione di testo e di dati non sono riservati.",
        "Nessun addestramento di IA né estrazione di testo e di dati (non indicato dall’autore, riservato per precauzione).",
        "Licenza non indicata dall’autore",
        {
            Licence.ARR: "Tutti i diritti riservati",
            Licence.CC0: "Donato al pubblico dominio (CC0 1.0)",
            Licence.PDM: "Di pubblico dominio",
        },
    ),
    "pt": Language(
        "Português",
        "Sem treino de IA nem prospeção de textos e dados (direitos reservados, art. 4.º, n.º 3, da Diretiva (UE) 2019/790).",
        "O treino de IA e a prospeção de textos e dados não estão reservados.",
        "Sem treino de IA nem prospeção de textos e dados (não indicado pelo autor, reservado por precaução).",
        "Licença não indicada pelo autor",
        {
            Licence.ARR: "Todos os direitos reservados",
            Licence.CC0: "Entregue ao domínio público (CC0 1.0)",
            Licence.PDM: "No domínio público",
        },
    ),
    "nl": Language(
        "Nederlands",
        "Geen AI-training en geen tekst- en datamining (rechten voorbehouden, art. 4, lid 3, Richtlijn (EU) 2019/790).",
        "AI-training en tekst- en datamining zijn niet voorbehouden.",
        "Geen AI-training en geen tekst- en datamining (niet vermeld door de maker, uit voorzorg voorbehouden).",
        "Licentie niet vermeld door de maker",
        {
            Licence.ARR: "Alle rechten voorbehouden",
            Licence.CC0: "Aan het publieke domein gegeven (CC0 1.0)",
            Licence.PDM: "In het publieke domein",
        },
    ),
}


def sentence_of(
    language: str,
    *,
    sign: str,
    year: int,
    holder: str,
    licence: Licence | None,
    licence_text: str,
    reserved: bool,
    stated: bool,
) -> str:
    """The sentence in `language` (BCP 47; its first subtag counts). `licence` is None where none of ours was stated."""
    row = LANGUAGES.get(language.split("-")[0].lower(), LANGUAGES["en"])
    machines = row.unstated if not stated else row.reserved if reserved else row.open
    name = row.names.get(licence, LICENCES[licence].name) if licence else licence_text or row.no_licence
    return f"{sign}{year} {holder}. {name}. {machines}"
