"""SQLite keeps every promise of the catalog."""

from tests.contracts.catalog_captures import CaptureQueueContract
from tests.contracts.catalog_images import DeleteContract, FindContract, ListContract, TouchContract
from tests.contracts.catalog_registration import RegisterContract


class TestRegistration(RegisterContract):
    pass


class TestImages(FindContract, ListContract, DeleteContract, TouchContract):
    pass


class TestCaptures(CaptureQueueContract):
    pass
