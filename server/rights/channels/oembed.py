"""Members of an oEmbed answer (docs/rights.md 2.5). The format has none for rights and allows others; these are Flickr's."""

from server.rights import Rights, sentence


def oembed(rights: Rights) -> dict[str, str]:
    """Text throughout, since the same members are written as XML."""
    is_ours = rights.licence_stated and not rights.licence_text
    found = {
        "license": rights.licence_name,
        "license_url": rights.licence_uri,
        "license_id": rights.licence.value if is_ours else "",
        "rights": sentence(rights),
    }
    return {name: value for name, value in found.items() if value}
