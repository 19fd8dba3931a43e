"""Every error that oka raises on purpose.

RagError                    a sentence that says what happened, to what, and the next command
├── SettingsError           a setting or an argument is wrong (exit code 2)
├── QuestionError           a question that can't be asked: empty, too long (exit code 2)
├── CorpusError             documents or archive
│   ├── DocumentError       a documents folder or file that can't be read
│   ├── ArchiveError        a WARC file that can't be read or written
│   ├── Damage              a WARC file breaks off or is not what it says; never leaves `corpus`
│   └── FetchError          a page that can't be fetched; reported a page, never ends a run
│       ├── UnsafeAddress   …because it must not be: private, with credentials, another scheme
│       ├── BlockedByRobots …because the site's robots.txt doesn't allow it
│       ├── TemporaryError  …for now: the network, a server that is busy
│       └── Stopped         …because the run ended before its turn came
├── StoreError              the index
│   ├── IndexMissing        there is none yet
│   ├── IndexStale          it doesn't match the settings
│   ├── IndexDamaged        its files were changed or lost
│   ├── IndexBusy           another process is writing it
│   └── StoreUnreachable    the Chroma server doesn't answer
├── ModelError              an embedder, a reranker or a language model that can't be used
├── FeedbackError           the log of feedback that can't be read or written
└── ServeError              the web chat can't start
"""


class RagError(Exception):
    """The root. The message is shown to the user as it is."""


class SettingsError(RagError):
    """A setting or an argument is wrong; the message names it and the accepted values."""


class QuestionError(RagError):
    """The question can't be asked as it is; the message says what to change."""


class CorpusError(RagError):
    """Something is wrong with documents or archive."""


class DocumentError(CorpusError):
    """A documents folder or file can't be read."""


class ArchiveError(CorpusError):
    """A WARC file can't be read or written."""


class FetchError(CorpusError):
    """One page can't be fetched. Reported with its reason; the run goes on."""


class StoreError(RagError):
    """Something is wrong with the index."""


class IndexMissing(StoreError):
    """There is no index yet."""


class IndexStale(StoreError):
    """The index was built with other settings than those in force."""


class IndexDamaged(StoreError):
    """Files of the index were changed or lost after it was built."""


class IndexBusy(StoreError):
    """Another process is writing the index."""


class StoreUnreachable(StoreError):
    """The Chroma server named in the settings doesn't answer."""


class ModelError(RagError):
    """An embedder, a reranker or a language model can't be loaded or reached."""


class FeedbackError(RagError):
    """The log of what users said of answers can't be read or written."""


class ServeError(RagError):
    """The web chat can't start: a used port, a bad host, an unreadable file."""


class UnsafeAddress(FetchError):
    """An address that must not be fetched: private, with credentials, of another scheme. No request went out."""


class BlockedByRobots(FetchError):
    """The site's robots.txt doesn't allow the page; no request for it went out."""


class TemporaryError(FetchError):
    """It may go well when tried again: the network, a server that is busy."""


class Stopped(FetchError):
    """The run is over before this page was asked for; the next run goes on with it."""


class Damage(CorpusError):
    """A file breaks off or is not what it says at `offset`; never leaves `corpus`."""

    def __init__(self, offset: int, what: str) -> None:
        super().__init__(what)
        self.offset, self.what = offset, what
