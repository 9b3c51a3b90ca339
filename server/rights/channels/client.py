"""Fields for the client API: what an app shows of a work's rights without knowing any vocabulary."""

from typing import Any

from server.rights import Rights, sentence


def client(rights: Rights) -> dict[str, Any]:
    """Beside the fields of Mastodon's Status; names of our own, which other clients ignore."""
    return {
        "licence": rights.licence.value if rights.licence_stated and not rights.licence_text else None,
        "licence_name": rights.licence_name,
        "license": rights.licence_uri or None,
        "reservation": rights.reservation.value if rights.reservation_stated else None,
        "reserved": rights.is_reserved,
        "rights": sentence(rights),
        "rights_page": rights.subject.explained or None,
        "policy": rights.subject.policy or None,
        "digital_source_type": rights.source_type.value if rights.source_type else None,
    }
