"""How well the record of a Service supports its claim to an address (see `model.address_record`). Pure."""

from enum import IntEnum

from exalb.model.address_record import AddressRecord
from exalb.model.cluster import Service
from exalb.model.sharing_terms import terms_of
from exalb_bgp.rib import Address


class Standing(IntEnum):
    """How well the record of a Service supports its claim to an address; the better one sorts first."""

    AGREED = 0
    """ExaLB assigned the address, and the Service asks for no more than then."""
    CHANGED = 1
    """ExaLB assigned the address, and the Service has changed its sharing terms since."""
    UNRECORDED = 2
    """ExaLB did not assign the address: another controller, or a person, wrote it."""


def standing_of(service: Service, record: AddressRecord, address: Address) -> Standing:
    """Return the standing of a Service at `address`."""
    if address not in record.addresses:
        return Standing.UNRECORDED
    terms = terms_of(service)
    if terms is None:
        return Standing.AGREED if record.terms is None else Standing.CHANGED
    return Standing.AGREED if record.terms and terms.is_within(record.terms) else Standing.CHANGED
