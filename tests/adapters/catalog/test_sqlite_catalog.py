"""SQLite keeps every promise of the catalog."""

from tests.contracts.catalog_captures import CaptureQueueContract
from tests.contracts.catalog_changes import ChangesContract
from tests.contracts.catalog_generations import BeginContract, PollContract, PromiseContract, UpdateContract
from tests.contracts.catalog_images import DeleteContract, FindContract, ListContract, TouchContract
from tests.contracts.catalog_late_news import DeletedImportContract, ErasureContract
from tests.contracts.catalog_outputs import AdoptionContract, FulfilmentContract, OutputContract
from tests.contracts.catalog_registration import RegisterContract
from tests.contracts.catalog_retention import LockContract, RetentionContract
from tests.contracts.catalog_successes import SuccessLogContract
from tests.contracts.catalog_upkeep import UpkeepContract
from tests.contracts.catalog_uploads import RepetitionContract, UploadContract
from tests.contracts.conversations import ReadingContract, RepeatedTurnContract, SessionListContract, TurnContract
from tests.contracts.conversations_answers import AbandonedContract, AnswerContract, StopContract
from tests.contracts.conversations_pictures import DeletedSessionContract, PictureContract, UnusedImageContract


class TestRegistration(RegisterContract):
    pass


class TestImages(FindContract, ListContract, DeleteContract, TouchContract):
    pass


class TestCaptures(CaptureQueueContract):
    pass


class TestGenerations(BeginContract, UpdateContract, PollContract, PromiseContract):
    pass


class TestOutputs(OutputContract, FulfilmentContract, AdoptionContract):
    pass


class TestLateNews(DeletedImportContract, ErasureContract):
    pass


class TestRetention(RetentionContract, LockContract):
    pass


class TestChanges(ChangesContract):
    pass


class TestSuccesses(SuccessLogContract):
    pass


class TestUpkeep(UpkeepContract):
    pass


class TestUploads(UploadContract, RepetitionContract):
    pass


class TestConversations(TurnContract, RepeatedTurnContract, ReadingContract, SessionListContract):
    pass


class TestAnswers(AnswerContract, StopContract, AbandonedContract):
    pass


class TestChatImages(PictureContract, DeletedSessionContract, UnusedImageContract):
    pass
